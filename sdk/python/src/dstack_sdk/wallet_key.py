"""The 32 secret bytes behind a wallet."""

import hashlib
import warnings

from .models import GetKeyResponse, GetTlsKeyResponse


def warn_tls_key(function: str) -> None:
    """Warn that a TLS key is no wallet key."""
    warnings.warn(
        f"{function}: Please don't use getTlsKey method to get key, use getKey instead.",
        DeprecationWarning,
        stacklevel=3,
    )


def plain_secret(function: str, response: GetKeyResponse | GetTlsKeyResponse) -> bytes:
    """Return the key of an answer, refusing a TLS key: its first 32 bytes are a header the whole world knows."""
    if isinstance(response, GetTlsKeyResponse):
        raise ValueError(
            f"{function}: the first 32 bytes of a TLS key are the same for everybody, so is the wallet made of them: "
            f"use get_key, or {function}_secure to reach an account that was made of a TLS key before"
        )
    return response.decode_key()


def secure_secret(response: GetKeyResponse | GetTlsKeyResponse) -> bytes:
    """Return the key of an answer; of a TLS key the SHA-256 of its whole DER."""
    if isinstance(response, GetTlsKeyResponse):
        return hashlib.sha256(response.as_uint8array()).digest()
    return response.decode_key()
