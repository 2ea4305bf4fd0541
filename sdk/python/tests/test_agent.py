"""Against a running agent with the simulator's keys."""

import asyncio
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID
from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey, Signature

from dstack_sdk import AsyncDstackClient, DstackClient, DstackError, GetTlsKeyResponse, TappdClient

APP_ID = "ea549f02e1a25fabd1cb788380e033ec5461b2ff"
APP_KEY = "02b85cceca0c02d878f0ebcda72a97469a472416eb6faf3c4807642132f9786810"
KMS_KEY = "02cad3a8bb11c5c0858fb3e402048b5137457039d577986daade678ed4b4ab1b9b"
KMS_SIGNATURE = (
    "2f431c7956869a4fe3e028c5f9518a935e2d01e81a3628f8b1d178fc2fac7b6d2405ace433624e5568e23c4ed291dbaf60dac79b756837c0fe745154"
    "ebfdc0a601"
)
RTMR_OFFSETS = (376, 424, 472, 520)
SIGNING_ALGORITHMS = ("ed25519", "secp256k1", "k256", "secp256k1_prehashed")

KEY_VECTORS = [
    (
        "",
        "",
        "38309afef2058aef6aee6ef7baca26942986ee387836a0dbdb5791f4f5a8142c",
        "9f3f2ca85e1ac9ef4acb716658a66d8b0b0926f8445121638356596b865b40af5db2b2fa02f143f6a0f0e31c799ea5ed93bcb284572b18c816ff4a"
        "1f4ecb744b00",
    ),
    (
        "/",
        "test",
        "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8",
        "f9c2004974b741bd7b7c926ea6a8e071bf06ecf921c5bd55826f35874cf2fea602c11b5eba8128293f4aa0911bd817bda3428c67929dc761f4f206"
        "8809ada46901",
    ),
    (
        "test/wallet",
        "ethereum",
        "6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9",
        "aff4341afe0547ef79f6d44ccb4a45e1cb2b4c872043e30230ba6c94eb96e29f0f41c40636d95e959a3ec0e301731be38c9de416aa55a03e7f03d4"
        "40dcfa236501",
    ),
    (
        "test/signing",
        "solana",
        "6f01d732740cf8cad20aaa706904913c6d973cf4914e8f758ecd4ef46106ec4f",
        "d428fc0829f9f1dbac550a58064adf4c65eeecae778fe1240fae366ae77a4268467f9f405ea1e1103991b463fd99e0fa5dd7f256254268e055995f"
        "9043f7e8b701",
    ),
    (
        "/test/path",
        "test-purpose",
        "50e62363110ce0c1ec0546671fd06c6b8a2c71a2af6467d34ac56d57170c9581",
        "5ddfe43b56ff5dcaf4ce97ac1cf1f0cf38dc13d1f973fc0d3920068fde42c499320deba46037279c390444de88609ace95e931898a45480184dbd2"
        "f9a9fde8b101",
    ),
]


@pytest.fixture
def client(dstack_endpoint: str) -> DstackClient:
    return DstackClient(dstack_endpoint, timeout=30)


@pytest.fixture
def tappd(tappd_endpoint: str) -> TappdClient:
    with pytest.warns(DeprecationWarning, match="TappdClient"):
        return TappdClient(tappd_endpoint, timeout=30)


def recover(message: bytes, signature: bytes) -> str:
    return Signature(signature).recover_public_key_from_msg_hash(keccak(message)).to_compressed_bytes().hex()


@pytest.mark.parametrize(("path", "purpose", "key", "signature"), KEY_VECTORS, ids=[v[0] for v in KEY_VECTORS])
def test_keys(client: DstackClient, path: str, purpose: str, key: str, signature: str) -> None:
    answer = client.get_key(path, purpose)
    assert answer.key == key
    assert answer.signature_chain == [signature, KMS_SIGNATURE]
    assert client.get_key(path, purpose, "k256") == answer


def test_signature_chain(client: DstackClient) -> None:
    answer = client.get_key("/test/path", "test-purpose")
    public_key = PrivateKey(answer.decode_key()).public_key.to_compressed_bytes()
    assert public_key.hex() == "039aa5e9849930bb46f72bc6a06bf569546cf116795da0a679b98ff54627285fac"
    first, second = answer.decode_signature_chain()
    app_key = recover(b"test-purpose:" + public_key.hex().encode(), first)
    assert app_key == APP_KEY
    app_id = bytes.fromhex(client.info().app_id)
    assert app_id.hex() == APP_ID
    assert recover(b"dstack-kms-issued:" + app_id + bytes.fromhex(app_key), second) == KMS_KEY


def test_ed25519_key(client: DstackClient) -> None:
    answer = client.get_key("/", "test", "ed25519")
    assert answer.key == KEY_VECTORS[1][2]
    public_key = Ed25519PrivateKey.from_private_bytes(answer.decode_key()).public_key().public_bytes_raw()
    assert public_key.hex() == "80a95a07d5d895a79ed1a73c93af7ba635083ea5e2378b0ffa956e9147f923f8"
    assert answer.signature_chain[0] == (
        "e21e071be10136235a25cbca3ecae3ae27fc4dd6136a30640cdd6b04b008d506071443b5be6e39c73927661780dc693d305cb5cefce625db0a73ab"
        "275f42e05e01"
    )


@pytest.mark.parametrize("algorithm", ["rsa", "secp256k1_prehashed", "ED25519"])
def test_unknown_algorithms_are_refused(client: DstackClient, algorithm: str) -> None:
    with pytest.raises(DstackError, match="algorithm"):
        client.get_key("/", "", algorithm)


def test_quote(client: DstackClient) -> None:
    answer = client.get_quote("test")
    quote = answer.decode_quote()
    assert quote[568:632] == b"test" + bytes(60)
    assert answer.report_data == quote[568:632].hex()
    registers = [quote[offset : offset + 48].hex() for offset in RTMR_OFFSETS]
    assert list(answer.replay_rtmrs().values()) == registers


def test_event_extends_the_register(client: DstackClient) -> None:
    client.emit_event("test-event", "test payload")
    answer = client.get_quote("after")
    last = answer.decode_event_log()[-1]
    assert (last.imr, last.event, bytes.fromhex(last.event_payload)) == (3, "test-event", b"test payload")
    assert last.digest == (
        "abe9f116c7758a01f0436a6ae38edf31cd59e6681ab97fbc8be4d34945c723f4ccbfa112e4ca41bb7feafe124c86adc0"
    )
    assert answer.replay_rtmrs()[3] == answer.decode_quote()[520:568].hex()


def test_info(client: DstackClient) -> None:
    info = client.info()
    assert (info.app_id, info.app_name) == (APP_ID, "kvin-nb")
    for register in (info.tcb_info.mrtd, info.tcb_info.rtmr0, info.tcb_info.rtmr3):
        assert len(register) == 96
    assert len(info.compose_hash) == len(info.device_id) == 64
    assert hashlib.sha256(info.tcb_info.app_compose.encode()).hexdigest() == info.compose_hash
    assert info.tcb_info.event_log


def certificate(answer: GetTlsKeyResponse) -> x509.Certificate:
    return x509.load_pem_x509_certificate(answer.certificate_chain[0].encode())


def test_tls_key(client: DstackClient) -> None:
    answer = client.get_tls_key("app.example", ["app.example", "www.example"], usage_client_auth=True)
    leaf = certificate(answer)
    assert answer.key.startswith("-----BEGIN PRIVATE KEY-----")
    assert len(answer.as_uint8array()) == 138
    assert len(answer.certificate_chain) == 2
    assert "app.example" in leaf.subject.rfc4514_string()
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["app.example", "www.example"]
    usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usages) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert client.get_tls_key().key != answer.key


def test_tls_key_options(client: DstackClient) -> None:
    leaf = certificate(client.get_tls_key("x", not_before=1_700_000_000, not_after=1_800_000_000))
    assert leaf.not_valid_before_utc.timestamp() == 1_700_000_000
    assert leaf.not_valid_after_utc.timestamp() == 1_800_000_000


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
def test_sign_and_verify(client: DstackClient, algorithm: str) -> None:
    data, other = hashlib.sha256(b"message").digest(), hashlib.sha256(b"other").digest()
    answer = client.sign(algorithm, data)
    signature, public_key = answer.decode_signature(), answer.decode_public_key()
    assert len(answer.signature_chain) == 3
    assert client.verify(algorithm, data, signature, public_key).valid is True
    assert client.verify(algorithm, other, signature, public_key).valid is False
    with pytest.raises(DstackError, match="Verify failed with status 400"):
        client.verify(algorithm, data, signature[:-1], public_key)


def test_attest_version_and_gpu(client: DstackClient) -> None:
    assert client.attest("test").decode_attestation()
    assert client.version().version
    assert client.gpu_info().attestation == ""


async def test_asynchronous_client(dstack_endpoint: str) -> None:
    async with AsyncDstackClient(dstack_endpoint, timeout=30) as client:
        answers = await asyncio.gather(*(client.get_key(path, purpose) for path, purpose, _, _ in KEY_VECTORS))
        assert [answer.key for answer in answers] == [key for _, _, key, _ in KEY_VECTORS]
        assert await client.is_reachable() is True
        assert (await client.info()).app_id == APP_ID


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tappd_key(tappd: TappdClient) -> None:
    answer = tappd.derive_key("/")
    assert answer.as_uint8array()[36:68].hex() == KEY_VECTORS[1][2]
    assert answer.key.splitlines()[1] == "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCC0ZeQfahI+Alfhs"
    assert tappd.info().app_id == APP_ID
    assert tappd.is_reachable()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("algorithm", "report_data"),
    [
        ("sha256", "a5d2ef1e94583bef4a02b29278af41b662d239beb36937a993108841b6b3c1fc"),
        (
            "sha384",
            "520c310d0fa18bedd24891ad191a9b785befe672f518d1c1a5b8d4b6cfb4f233815b825aaaa5466334fe6e2fd3f2c6a4",
        ),
        (
            "sha512",
            "1864e059be7e1ec12d9fe9da903d3711e0d72edab19f044cc9d6ac90c32b996b545a9979309bd19c36b803941e8e3485115e9b794001f2b9f3"
            "67f6e03c52e532",
        ),
        ("sha3-256", "893acdd0162e33594df56553bea2079b99d7d562284f9eb7fd9458e2add81fe8"),
        (
            "sha3-384",
            "47b4d35de7240cf179ac5fde22464fa3a076e5142ba0f629b400602b5f2bfe7f01a1bf2d63ef5abbff50a381d7031be3",
        ),
        (
            "sha3-512",
            "4ffccda90bf80d7dd814350ebd438f5b3b77aab1d387b27967778597794cc696311f5cd0f50697b796f621ee5c78784e5d847953f3f1120c48"
            "519ce6e4648b4c",
        ),
        ("keccak256", "b877945563d5025eec520b6bb150efcf4c368c491ff1947529be3125d4e5ecb6"),
        (
            "keccak384",
            "a551aba3b52b345ceeaba78660e95318fd404f947efa8ce16134a9d7dd370248c7a8cf4711dce74e8c4feb01abb45ea9",
        ),
        (
            "keccak512",
            "6dd564fe70580e2476e2ecb78ba5f994b83f8178064257bba498dcab267c5c75135c6b8f268d93415ac8662db5104abccd51d30c0500da684a"
            "7550ae3f3b71c7",
        ),
        ("raw", "00" * 60 + "74657374"),
        (None, "00" * 60 + "74657374"),
    ],
)
def test_tappd_quotes(tappd: TappdClient, algorithm: str | None, report_data: str) -> None:
    answer = tappd.tdx_quote("test", algorithm)
    assert answer.decode_quote()[568:632].hex() == report_data.ljust(128, "0")
    assert answer.replay_rtmrs()[3] == answer.decode_quote()[520:568].hex()
