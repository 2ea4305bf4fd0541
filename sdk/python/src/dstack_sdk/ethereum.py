"""Ethereum accounts of the app. Needs the extra `dstack-sdk[ethereum]`."""

from eth_account import Account
from eth_account.signers.local import LocalAccount

from .models import GetKeyResponse, GetTlsKeyResponse
from .wallet_key import plain_secret, secure_secret, warn_tls_key


def to_account(get_key_response: GetKeyResponse | GetTlsKeyResponse) -> LocalAccount:
    """Return the account of a `get_key` answer.

    Raises ValueError for a TLS key: the account made of its first bytes is the same for everybody.
    """
    if isinstance(get_key_response, GetTlsKeyResponse):
        warn_tls_key("to_account")
    return Account.from_key(plain_secret("to_account", get_key_response))  # type: ignore[no-any-return]


def to_account_secure(get_key_response: GetKeyResponse | GetTlsKeyResponse) -> LocalAccount:
    """Return the account of a `get_key` answer, or of the hash of a TLS key."""
    if not isinstance(get_key_response, GetTlsKeyResponse):
        return to_account(get_key_response)
    warn_tls_key("to_account_secure")
    try:
        return Account.from_key(secure_secret(get_key_response))  # type: ignore[no-any-return]
    except Exception as error:
        raise RuntimeError("to_account_secure: missing SHA256 support, please upgrade your system") from error
