import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from dstack_sdk import GetKeyResponse, GetTlsKeyResponse
from dstack_sdk.ethereum import to_account, to_account_secure
from dstack_sdk.solana import to_keypair, to_keypair_secure

# A well-formed PKCS#8 key whose public point is on no curve: helpers do not look at it.
TLS_KEY = GetTlsKeyResponse(
    key="""-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCC0ZeQfahI+Alfhs
OnI791oILpdyPgAP49/78IuVjqihRANCAAROJ5YaGXbk2cVtIVNruwbKX3QIdvip
goeVxXbdhXuZr/YNBj5xYUeFi9TKZBUEKqDl1rZRDB9UGcJ2KCr8C4W1
-----END PRIVATE KEY-----
""",
    certificate_chain=["leaf", "ca"],
)
KNOWN_ADDRESS = "0xf3d21a3a689ad889541d993a51e3109ac3e36c12"

VECTORS = [
    (
        "6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9",
        "0x95d8399a8a90e4807d254cd26b4cff08b992bf10",
        "dba98a47245a51706a1cffb6bf08434f2bf12e8c1ec4165623083d3532dd0154",
    ),
    (
        "6f01d732740cf8cad20aaa706904913c6d973cf4914e8f758ecd4ef46106ec4f",
        "0xe3edfe0d432d5e71f3876f19b34ae947e38d6536",
        "23f8cd576887e7db0f3508b068d1b28090f33894d810035277d514b76ae25a3b",
    ),
    (
        "765300f5c141da0ab392051882277435c13a0dc152b0d60045d89c4cd9977235",
        "0xd65652874f4f4ae6d2cb6536973c73cf4eee8cd0",
        "808c2a81769e9e9042465474263060bc559ee8336546f7acf73fead09b18bd03",
    ),
    (
        "887aa52486cdf9e94508e406e4f1dd8300a3781530e4dc5a8be22ca4821d7e3e",
        "0xdc49e11425e268d8fa4d0d169c11605072c9291d",
        "6ee67df2b6f35f357943f9dc27cc03ae5c3f9c39189d5affaa50a9ddd5e5dbd8",
    ),
    (
        "73556950d8a18be6887481699ebb92f720167eb6f28ad3048b78f1f9666fdd95",
        "0x08c3c7ce6020783a6a11688932cebff19218a69f",
        "69877008e7f1eadf63ac93222f2aef28444b25903d18fd0c7b8221dababa1550",
    ),
]


@pytest.mark.parametrize(("key", "address", "public_key"), VECTORS)
def test_vectors(key: str, address: str, public_key: str) -> None:
    response = GetKeyResponse(key=key, signature_chain=[])
    for to_ethereum in (to_account, to_account_secure):
        account = to_ethereum(response)
        assert isinstance(account, LocalAccount)
        assert account.address.lower() == address
    for to_solana in (to_keypair, to_keypair_secure):
        assert bytes(to_solana(response).pubkey()).hex() == public_key
        assert len(bytes(to_solana(response))) == 64


@pytest.mark.parametrize("helper", [to_account, to_keypair])
def test_the_known_key_is_refused(helper: Callable[[Any], Any]) -> None:
    name = helper.__name__
    with (
        pytest.warns(
            DeprecationWarning, match=f"^{name}: Please don't use getTlsKey method to get key, use getKey instead."
        ),
        pytest.raises(ValueError, match=f"get_key, or {name}_secure"),
    ):
        helper(TLS_KEY)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_secure_helpers_hash_the_whole_tls_key() -> None:
    der = TLS_KEY.as_uint8array()
    assert len(der) == 138
    digest = GetKeyResponse(key=hashlib.sha256(der).hexdigest(), signature_chain=[])
    assert to_account_secure(TLS_KEY).address == to_account(digest).address
    assert to_account_secure(TLS_KEY).address.lower() != KNOWN_ADDRESS
    assert to_keypair_secure(TLS_KEY) == to_keypair(digest)


@pytest.mark.parametrize("helper", [to_account_secure, to_keypair_secure])
def test_secure_helpers_warn_and_fail_in_one_way(helper: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def no_sha256(_: bytes) -> None:
        raise ValueError("unsupported hash type")

    monkeypatch.setattr(hashlib, "sha256", no_sha256)
    name = helper.__name__
    with (
        pytest.warns(DeprecationWarning, match=f"^{name}: Please don't use getTlsKey"),
        pytest.raises(RuntimeError, match=f"^{name}: missing SHA256 support, please upgrade your system$"),
    ):
        helper(TLS_KEY)


def test_a_zero_key_makes_no_account() -> None:
    with pytest.raises(Exception, match=r".+"):
        to_account(GetKeyResponse(key="00" * 32, signature_chain=[]))
