"""Solana key pairs of the app. Needs the extra `dstack-sdk[solana]`."""

from solders.keypair import Keypair

from .models import GetKeyResponse, GetTlsKeyResponse
from .wallet_key import plain_secret, secure_secret, warn_tls_key


def to_keypair(get_key_response: GetKeyResponse | GetTlsKeyResponse) -> Keypair:
    """Return the key pair of a `get_key` answer.

    Raises ValueError for a TLS key: the pair made of its first bytes is the same for everybody.
    """
    if isinstance(get_key_response, GetTlsKeyResponse):
        warn_tls_key("to_keypair")
    return Keypair.from_seed(plain_secret("to_keypair", get_key_response))


def to_keypair_secure(get_key_response: GetKeyResponse | GetTlsKeyResponse) -> Keypair:
    """Return the key pair of a `get_key` answer, or of the hash of a TLS key."""
    if not isinstance(get_key_response, GetTlsKeyResponse):
        return to_keypair(get_key_response)
    warn_tls_key("to_keypair_secure")
    try:
        return Keypair.from_seed(secure_secret(get_key_response))
    except Exception as error:
        raise RuntimeError("to_keypair_secure: missing SHA256 support, please upgrade your system") from error
