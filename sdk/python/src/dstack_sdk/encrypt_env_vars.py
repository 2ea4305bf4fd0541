"""Encryption of environment variables to an app, which decrypts them inside its VM."""

import json
import os
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .hex_text import decode_prefixed_hex

PUBLIC_KEY_SIZE = 32
NONCE_SIZE = 12


class EnvVar(NamedTuple):
    """One environment variable."""

    key: str
    value: str


def _public_key(public_key_hex: str) -> X25519PublicKey:
    try:
        raw = decode_prefixed_hex(public_key_hex)
    except ValueError as error:
        raise ValueError(f"bad public key: {error}") from None
    if len(raw) != PUBLIC_KEY_SIZE:
        raise ValueError(f"bad public key: {len(raw)} bytes instead of {PUBLIC_KEY_SIZE}")
    return X25519PublicKey.from_public_bytes(raw)


def _seal(plaintext: bytes, recipient: X25519PublicKey, ephemeral: X25519PrivateKey, nonce: bytes) -> bytes:
    try:
        shared = ephemeral.exchange(recipient)
    except ValueError:
        raise ValueError("bad public key: the shared secret would be all zero") from None
    return ephemeral.public_key().public_bytes_raw() + nonce + AESGCM(shared).encrypt(nonce, plaintext, None)


def _plaintext(envs: Sequence[EnvVar]) -> bytes:
    variables = [{"key": env.key, "value": env.value} for env in envs]
    return json.dumps({"env": variables}, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def encrypt_env_vars_sync(envs: Sequence[EnvVar], public_key_hex: str) -> str:
    """Encrypt variables to an app's encryption key and return the ciphertext as hex.

    The result is confidential, not authentic: anyone who knows the public key can make one. Get that key from a KMS
    and check its signature with `verify_env_encrypt_public_key`.
    """
    sealed = _seal(_plaintext(envs), _public_key(public_key_hex), X25519PrivateKey.generate(), os.urandom(NONCE_SIZE))
    return sealed.hex()


async def encrypt_env_vars(envs: Sequence[EnvVar], public_key_hex: str) -> str:
    """Encrypt as `encrypt_env_vars_sync` does."""
    return encrypt_env_vars_sync(envs, public_key_hex)
