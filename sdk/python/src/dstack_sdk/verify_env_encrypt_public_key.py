"""Verification of the KMS's signature on an app's encryption key.

Recovery always yields some key: the caller must compare it with the signer it trusts, or pass that as
`expected_signer`.
"""

import hmac
import time
import warnings
from typing import Any

from eth_hash.auto import keccak
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from .hex_text import decode_prefixed_hex

MESSAGE_PREFIX = b"dstack-env-encrypt-pubkey:"
APP_ID_SIZE = 20
PUBLIC_KEY_SIZE = 32
SIGNATURE_SIZE = 65
MAX_AGE_SECONDS = 300
FUTURE_SKEW_SECONDS = 60
MAX_TIMESTAMP = 2**64 - 1


class _Omitted:
    def __repr__(self) -> str:
        return "<omitted>"


_OMITTED: Any = _Omitted()


def _recover(message: bytes, signature: bytes) -> bytes | None:
    recovery_id = signature[64] - 27 if signature[64] in (27, 28) else signature[64]
    if recovery_id not in (0, 1):
        return None
    try:
        parsed = Signature(signature_bytes=signature[:64] + bytes([recovery_id]))
        return parsed.recover_public_key_from_msg_hash(keccak(message)).to_compressed_bytes()
    except (BadSignature, ValidationError, ValueError):
        return None


def _is_fresh(timestamp: object, max_age_seconds: int) -> bool:
    if not isinstance(timestamp, int) or isinstance(timestamp, bool) or not 0 <= timestamp <= MAX_TIMESTAMP:
        return False
    age = int(time.time()) - timestamp
    return -FUTURE_SKEW_SECONDS <= age <= max_age_seconds


def _app_id(app_id: object) -> bytes | None:
    if not isinstance(app_id, str):
        return None
    try:
        raw = decode_prefixed_hex(app_id)
    except ValueError:
        return None
    return raw if len(raw) == APP_ID_SIZE else None


def _is_bytes_of(value: object, size: int) -> bool:
    return isinstance(value, bytes | bytearray) and len(value) == size


def _is_expected(signer: bytes, expected_signer: str | bytes | None) -> bool:
    if expected_signer is None:
        return True
    try:
        expected = decode_prefixed_hex(expected_signer) if isinstance(expected_signer, str) else expected_signer
    except ValueError:
        return False
    return hmac.compare_digest(signer, expected)


def verify_env_encrypt_public_key(
    public_key: bytes,
    signature: bytes,
    app_id: str,
    timestamp: int = _OMITTED,
    *,
    max_age_seconds: int = MAX_AGE_SECONDS,
    expected_signer: str | bytes | None = None,
) -> str | None:
    """Return the compressed key, 0x and 66 hex digits, that signed an app's encryption key; None if invalid.

    With a timestamp, `signature` is the KMS answer's `signature_v1`: one older than `max_age_seconds` or more than a
    minute in the future is invalid, as is any timestamp that is not a whole number of seconds, None included. Only when
    the argument is omitted, `signature` is the answer's legacy `signature`, which never expires.

    The result is some key for almost any signature: compare it with the KMS's, or pass that as `expected_signer`.
    """
    id_bytes = _app_id(app_id)
    if id_bytes is None or not _is_bytes_of(public_key, PUBLIC_KEY_SIZE) or not _is_bytes_of(signature, SIGNATURE_SIZE):
        return None
    message = MESSAGE_PREFIX + id_bytes
    if timestamp is not _OMITTED:
        if not _is_fresh(timestamp, max_age_seconds):
            return None
        message += timestamp.to_bytes(8, "big")
    signer = _recover(message + public_key, bytes(signature))
    if signer is None or not _is_expected(signer, expected_signer):
        return None
    return "0x" + signer.hex()


def verify_env_encrypt_public_key_legacy(public_key: bytes, signature: bytes, app_id: str) -> str | None:
    """Verify a signature without a timestamp, which can be replayed for ever."""
    warnings.warn(
        "verify_env_encrypt_public_key_legacy cannot see replays: use verify_env_encrypt_public_key with signature_v1",
        DeprecationWarning,
        stacklevel=2,
    )
    return verify_env_encrypt_public_key(public_key, signature, app_id)


def verify_signature_simple(public_key: bytes, signature: bytes, app_id: str) -> bool:
    """Tell whether a legacy signature has a recoverable signer, which says nothing about who that is."""
    return verify_env_encrypt_public_key(public_key, signature, app_id) is not None
