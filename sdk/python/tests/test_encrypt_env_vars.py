import json
import os

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dstack_sdk import EnvVar, encrypt_env_vars, encrypt_env_vars_sync

SECRET = bytes.fromhex("ca1a3895d9d613287fc14034d0ec60abb5089896e7c8fd7c2f02bd91fa0076aa")
PUBLIC = "298710e105127bf86fb44f5ca549727fff93e7f2a6bde7cc79d01dbf5bc12a06"
VECTOR = (
    "1cf579aba45a10ba1d1ef06d91fca2aa9ed0a1150515653155405d0b18cb9a67000102030405060708090a0bb3b0442824225323d917c863c93fbe"
    "0d9f2e9867b334d69b34c7489b9a87c3f3c53c545fcfc5a1c819277baed0814fba7b8da935159fadf5802dde530881c1beb46bd77eb38de81d0038"
    "8b02f10e199b9d920d01ed3f0f3cc5bf"
)


def decrypt(ciphertext: str) -> object:
    raw = bytes.fromhex(ciphertext)
    shared = X25519PrivateKey.from_private_bytes(SECRET).exchange(X25519PublicKey.from_public_bytes(raw[:32]))
    return json.loads(AESGCM(shared).decrypt(raw[32:44], raw[44:], None))


def test_vector(monkeypatch: pytest.MonkeyPatch) -> None:
    ephemeral = X25519PrivateKey.from_private_bytes(bytes([0x77]) * 32)
    monkeypatch.setattr(os, "urandom", lambda size: bytes(range(size)))
    monkeypatch.setattr(X25519PrivateKey, "generate", lambda: ephemeral)
    assert encrypt_env_vars_sync([EnvVar("FOO", "bar"), EnvVar("MSG", "Hello 世界")], PUBLIC) == VECTOR


@pytest.mark.parametrize("prefix", ["", "0x", "0X"])
def test_round_trip(prefix: str) -> None:
    envs = [EnvVar("B", 'q"\\\n'), EnvVar("A", ""), EnvVar("B", "twice")]
    assert decrypt(encrypt_env_vars_sync(envs, prefix + PUBLIC)) == {
        "env": [{"key": "B", "value": 'q"\\\n'}, {"key": "A", "value": ""}, {"key": "B", "value": "twice"}]
    }


def test_no_variables() -> None:
    assert decrypt(encrypt_env_vars_sync([], PUBLIC)) == {"env": []}


async def test_asynchronous_and_fresh() -> None:
    first, second = (
        await encrypt_env_vars([EnvVar("A", "1")], PUBLIC),
        await encrypt_env_vars([EnvVar("A", "1")], PUBLIC),
    )
    assert decrypt(first) == decrypt(second)
    assert first[:88] != second[:88]


@pytest.mark.parametrize(
    "key", ["", "00", PUBLIC[:-2], PUBLIC + "00", "zz" * 32, PUBLIC[:-1], " " + PUBLIC, "0x0x" + PUBLIC, "00" * 32]
)
def test_bad_keys_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="bad public key"):
        encrypt_env_vars_sync([EnvVar("A", "1")], key)


def test_changed_ciphertext_does_not_open() -> None:
    ciphertext = encrypt_env_vars_sync([EnvVar("A", "1")], PUBLIC)
    changed = ciphertext[:-2] + ("00" if ciphertext[-2:] != "00" else "01")
    with pytest.raises(InvalidTag):
        decrypt(changed)
