import time
from typing import Any

import pytest
from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey

from dstack_sdk import (
    verify_env_encrypt_public_key,
    verify_env_encrypt_public_key_legacy,
    verify_signature_simple,
)

KEY = bytes.fromhex("e33a1832c6562067ff8f844a61e51ad051f1180b66ec2551fb0251735f3ee90a")
SIGNATURE = bytes.fromhex(
    "8542c49081fbf4e03f62034f13fbf70630bdf256a53032e38465a27c36fd6bed"
    "7a5e7111652004aef37f7fd92fbfc1285212c4ae6a6154203a48f5e16cad2cef00"
)
APP_ID = "00" * 20
SIGNER = "0x0217610d74cbd39b6143842c6d8bc310d79da1d82cc9d17f8876376221eda0c38f"

V1_KEY = bytes([0xDE]) * 32
V1_APP_ID = "ab" * 20
V1_TIME = 1700000000
V1_SIGNATURE = bytes.fromhex(
    "c9e643b59985ab43c0ae4ec75e302d9d7a70abe0212f9928d5fc56563aa56b54"
    "15271d9ea4dd8d02125359dae4267d704c374ba72a829bece6e16b5e3cdfc9f600"
)
V1_SIGNER = "0x031b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda now: monkeypatch.setattr(time, "time", lambda: float(now))


@pytest.mark.parametrize("prefix", ["", "0x", "0X"])
def test_legacy_vector(prefix: str) -> None:
    assert verify_env_encrypt_public_key(KEY, SIGNATURE, prefix + APP_ID) == SIGNER
    with pytest.warns(DeprecationWarning, match="verify_env_encrypt_public_key_legacy"):
        assert verify_env_encrypt_public_key_legacy(KEY, SIGNATURE, prefix + APP_ID) == SIGNER
    assert verify_signature_simple(KEY, SIGNATURE, APP_ID)


def test_legacy_hash() -> None:
    message = b"dstack-env-encrypt-pubkey:" + bytes(20) + KEY
    assert keccak(message).hex() == "0c3ffb367db2f1350a6d0e3d6e186280e455705556c5978f552020ced51a4f41"


def test_recovery_id_may_be_counted_from_27() -> None:
    assert verify_env_encrypt_public_key(KEY, SIGNATURE[:64] + bytes([27]), APP_ID) == SIGNER
    other = verify_env_encrypt_public_key(KEY, SIGNATURE[:64] + bytes([28]), APP_ID)
    assert other not in (SIGNER, None)
    for recovery_id in (2, 3, 4, 26, 29, 255):
        assert verify_env_encrypt_public_key(KEY, SIGNATURE[:64] + bytes([recovery_id]), APP_ID) is None


@pytest.mark.parametrize(
    ("key", "signature", "app_id"),
    [
        (KEY, bytes(65), APP_ID),
        (KEY, SIGNATURE[:64], APP_ID),
        (KEY, SIGNATURE + b"\0", APP_ID),
        (KEY, b"\xff" * 64 + b"\0", APP_ID),
        (KEY, SIGNATURE, "not-hex"),
        (KEY, SIGNATURE, APP_ID[:-1] + "g"),
        (KEY, SIGNATURE, APP_ID[:-1]),
        (KEY, SIGNATURE, APP_ID + "00"),
        (KEY, SIGNATURE, " " + APP_ID),
        (KEY, SIGNATURE, ""),
        (KEY, SIGNATURE, None),
        (KEY[:-1], SIGNATURE, APP_ID),
        (KEY + b"\0", SIGNATURE, APP_ID),
        (KEY.hex(), SIGNATURE, APP_ID),
        (KEY, None, APP_ID),
    ],
)
def test_malformed_input_is_invalid(key: Any, signature: Any, app_id: Any) -> None:
    assert verify_env_encrypt_public_key(key, signature, app_id) is None
    assert verify_signature_simple(key, signature, app_id) is False


def test_a_timestamped_signature_is_no_legacy_one_over_longer_fields() -> None:
    stamp = V1_TIME.to_bytes(8, "big")
    assert verify_env_encrypt_public_key(V1_KEY, V1_SIGNATURE, V1_APP_ID + stamp.hex()) is None
    assert verify_env_encrypt_public_key(stamp + V1_KEY, V1_SIGNATURE, V1_APP_ID) is None


@pytest.mark.parametrize(
    ("now", "signer"), [(0, V1_SIGNER), (300, V1_SIGNER), (301, None), (-60, V1_SIGNER), (-61, None)]
)
def test_timestamped_vector_and_its_age(clock: Any, now: int, signer: str | None) -> None:
    clock(V1_TIME + now)
    assert verify_env_encrypt_public_key(V1_KEY, V1_SIGNATURE, V1_APP_ID, V1_TIME) == signer


def test_age_limit_of_the_caller(clock: Any) -> None:
    clock(V1_TIME + 1)
    assert verify_env_encrypt_public_key(V1_KEY, V1_SIGNATURE, V1_APP_ID, V1_TIME, max_age_seconds=0) is None
    clock(V1_TIME)
    assert verify_env_encrypt_public_key(V1_KEY, V1_SIGNATURE, V1_APP_ID, V1_TIME, max_age_seconds=0) == V1_SIGNER
    clock(V1_TIME + 1000)
    assert verify_env_encrypt_public_key(V1_KEY, V1_SIGNATURE, V1_APP_ID, V1_TIME, max_age_seconds=1000) == V1_SIGNER


@pytest.mark.parametrize("timestamp", [None, -1, 1.5, 1700000000.0, "1700000000", True, 2**64])
def test_a_given_timestamp_never_means_the_legacy_rule(timestamp: Any) -> None:
    assert verify_env_encrypt_public_key(KEY, SIGNATURE, APP_ID, timestamp) is None
    signer = PrivateKey(b"\x01" * 32)
    legacy = signer.sign_msg_hash(keccak(b"dstack-env-encrypt-pubkey:" + bytes(20) + KEY)).to_bytes()
    assert verify_env_encrypt_public_key(KEY, legacy, APP_ID) == V1_SIGNER
    assert verify_env_encrypt_public_key(KEY, legacy, APP_ID, timestamp) is None


@pytest.mark.parametrize(
    ("expected", "signer"),
    [
        (SIGNER, SIGNER),
        (SIGNER[2:].upper(), SIGNER),
        (bytes.fromhex(SIGNER[2:]), SIGNER),
        (V1_SIGNER, None),
        ("", None),
        ("zz", None),
    ],
)
def test_expected_signer(expected: Any, signer: str | None) -> None:
    assert verify_env_encrypt_public_key(KEY, SIGNATURE, APP_ID, expected_signer=expected) == signer
