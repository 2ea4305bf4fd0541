from typing import Any

import pytest

from dstack_sdk import AsyncDstackClient, DstackClient, DstackError, TappdClient
from dstack_sdk.version import __version__

from .conftest import StubAgent

KEY = {"key": "00" * 32, "signature_chain": ["aa", "bb"]}
TLS_KEY = {"key": "pem", "certificate_chain": ["leaf"]}
QUOTE = {"quote": "00", "event_log": "[]"}


@pytest.fixture
def client(stub: StubAgent) -> DstackClient:
    stub.answer("/GetKey", KEY)
    stub.answer("/GetTlsKey", TLS_KEY)
    stub.answer("/GetQuote", QUOTE)
    stub.answer("/EmitEvent", None)
    stub.answer("/Attest", {"attestation": "00ff"})
    stub.answer("/Sign", {"signature": "01", "signature_chain": ["02"], "public_key": "03"})
    stub.answer("/Verify", {"valid": False})
    stub.answer("/GpuInfo", {"attestation": ""})
    return DstackClient(stub.endpoint)


def test_headers(client: DstackClient, stub: StubAgent) -> None:
    client.get_key()
    assert stub.headers[0]["content-type"] == "application/json"
    assert stub.headers[0]["host"] == "localhost"
    assert stub.headers[0]["user-agent"] == f"dstack-sdk-python/{__version__}"


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        ({}, {"path": "", "purpose": ""}),
        ({"path": "a/é", "purpose": "p"}, {"path": "a/é", "purpose": "p"}),
        ({"algorithm": ""}, {"path": "", "purpose": ""}),
        ({"algorithm": "secp256k1"}, {"path": "", "purpose": ""}),
        ({"algorithm": "k256"}, {"path": "", "purpose": "", "algorithm": "k256"}),
    ],
)
def test_get_key(client: DstackClient, stub: StubAgent, arguments: dict[str, Any], body: dict[str, Any]) -> None:
    answer = client.get_key(**arguments)
    assert stub.calls == [("/GetKey", body)]
    assert answer.decode_key() == bytes(32)
    assert answer.decode_signature_chain() == [b"\xaa", b"\xbb"]


def test_another_algorithm_needs_an_agent_that_knows_it(client: DstackClient, stub: StubAgent) -> None:
    with pytest.raises(RuntimeError) as caught:
        client.get_key("/", "", "ed25519")
    assert str(caught.value) == ('algorithm "ed25519" is not supported: OS version too old (Version RPC unavailable)')
    assert stub.methods() == ["/Version"]
    stub.answer("/Version", {"version": "0.5.7", "rev": ""})
    client.get_key("/", "", "ed25519")
    assert stub.methods() == ["/Version", "/Version", "/GetKey"]
    assert stub.calls[2][1]["algorithm"] == "ed25519"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {}),
        (200, {"version": ""}),
        (200, {"version": 1}),
        (200, None),
        (200, b"x"),
        (200, {"error": "x"}),
        (404, b"x"),
    ],
)
def test_what_is_no_version_is_an_old_agent(client: DstackClient, stub: StubAgent, status: int, body: Any) -> None:
    stub.answer("/Version", body, status)
    with pytest.raises(RuntimeError, match="too old"):
        client.get_key(algorithm="ed25519")
    assert stub.methods() == ["/Version"]


def test_trouble_is_not_taken_for_age(client: DstackClient, stub: StubAgent) -> None:
    stub.answer("/Version", {"error": "busy"}, 503)
    with pytest.raises(DstackError, match="busy"):
        client.get_key(algorithm="ed25519")


@pytest.mark.parametrize(
    ("data", "sent"), [("test", "74657374"), (b"\x00\xff", "00ff"), ("é" * 32, "c3a9" * 32), (b"x" * 64, "78" * 64)]
)
@pytest.mark.parametrize("method", ["get_quote", "attest"])
def test_report_data(client: DstackClient, stub: StubAgent, method: str, data: Any, sent: str) -> None:
    getattr(client, method)(data)
    assert stub.calls[0][1] == {"report_data": sent}


@pytest.mark.parametrize("method", ["get_quote", "attest"])
def test_report_data_limits(client: DstackClient, stub: StubAgent, method: str) -> None:
    for data in ("", b"", None, 5, ["x"]):
        with pytest.raises(ValueError, match="report_data can not be empty"):
            getattr(client, method)(data)
    for data in ("0" * 65, b"0" * 129, "é" * 33):
        with pytest.raises(ValueError, match="64 bytes"):
            getattr(client, method)(data)
    assert not stub.calls


def test_emit_event(client: DstackClient, stub: StubAgent) -> None:
    client.emit_event("text", "é")
    client.emit_event("bytes", b"\xff")
    client.emit_event("empty", "")
    assert [body for _, body in stub.calls] == [
        {"event": "text", "payload": "c3a9"},
        {"event": "bytes", "payload": "ff"},
        {"event": "empty", "payload": ""},
    ]
    with pytest.raises(ValueError, match="event name cannot be empty"):
        client.emit_event("", "x")


def test_get_tls_key(client: DstackClient, stub: StubAgent) -> None:
    client.get_tls_key()
    client.get_tls_key("s", ["a", "b"], True, False, True)
    assert stub.calls == [
        (
            "/GetTlsKey",
            {"subject": "", "usage_ra_tls": False, "usage_server_auth": True, "usage_client_auth": False},
        ),
        (
            "/GetTlsKey",
            {
                "subject": "s",
                "alt_names": ["a", "b"],
                "usage_ra_tls": True,
                "usage_server_auth": False,
                "usage_client_auth": True,
            },
        ),
    ]


def test_tls_options_need_an_agent_that_knows_them(client: DstackClient, stub: StubAgent) -> None:
    with pytest.raises(RuntimeError) as caught:
        client.get_tls_key(not_before=1, with_app_info=False)
    assert str(caught.value) == (
        "TLS key options [not_before, with_app_info] are not supported: OS version too old (Version RPC unavailable)"
    )
    stub.answer("/Version", {"version": "0.5.7"})
    client.get_tls_key(not_before=0, not_after=2, with_app_info=True)
    assert stub.methods()[1:] == ["/Version", "/GetTlsKey"]
    body = stub.calls[2][1]
    assert (body["not_before"], body["not_after"], body["with_app_info"]) == (0, 2, True)


def test_sign_and_verify(client: DstackClient, stub: StubAgent) -> None:
    answer = client.sign("ed25519", "é")
    assert (answer.decode_signature(), answer.decode_signature_chain(), answer.decode_public_key()) == (
        b"\x01",
        [b"\x02"],
        b"\x03",
    )
    client.sign("secp256k1_prehashed", bytes(32))
    assert client.verify("ed25519", "a", b"\x01", "02").valid is False
    assert [body for _, body in stub.calls] == [
        {"algorithm": "ed25519", "data": "c3a9"},
        {"algorithm": "secp256k1_prehashed", "data": "00" * 32},
        {"algorithm": "ed25519", "data": "61", "signature": "01", "public_key": "3032"},
    ]
    for digest in (b"", bytes(31), bytes(33)):
        with pytest.raises(ValueError, match="32-byte digest"):
            client.sign("secp256k1_prehashed", digest)


def test_answers_of_other_methods(client: DstackClient, stub: StubAgent) -> None:
    stub.answer("/Version", {"version": "0.5.7", "rev": "git:1"})
    assert client.version().rev == "git:1"
    assert client.gpu_info().attestation == ""
    assert client.attest("x").decode_attestation() == b"\x00\xff"


async def test_asynchronous_client_sends_the_same(stub: StubAgent, client: DstackClient) -> None:
    async with AsyncDstackClient(stub.endpoint) as asynchronous:
        await asynchronous.get_key("p", "q")
        await asynchronous.get_tls_key("s")
        await asynchronous.get_quote("d")
        await asynchronous.emit_event("e", "p")
        await asynchronous.attest("d")
        await asynchronous.sign("ed25519", "d")
        await asynchronous.verify("ed25519", "d", "s", "k")
        await asynchronous.gpu_info()
    calls, stub.calls = stub.calls, []
    client.get_key("p", "q")  # inside a running event loop
    client.get_tls_key("s")
    client.get_quote("d")
    client.emit_event("e", "p")
    client.attest("d")
    client.sign("ed25519", "d")
    client.verify("ed25519", "d", "s", "k")
    client.gpu_info()
    assert stub.calls == calls


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tappd_requests(stub: StubAgent) -> None:
    stub.answer("/prpc/Tappd.DeriveKey", TLS_KEY)
    stub.answer("/prpc/Tappd.TdxQuote", {**QUOTE, "hash_algorithm": "raw", "prefix": ""})
    client = TappdClient(stub.endpoint)
    client.derive_key()
    client.derive_key("p")
    client.derive_key("p", "s", ["a"])
    client.tdx_quote("test")
    client.tdx_quote("test", "raw")
    client.tdx_quote("x" * 65, "sha512")
    assert [body for _, body in stub.calls] == [
        {"path": "", "subject": ""},
        {"path": "p", "subject": "p"},
        {"path": "p", "subject": "s", "alt_names": ["a"]},
        {"report_data": "00" * 60 + "74657374", "hash_algorithm": "raw"},
        {"report_data": "00" * 60 + "74657374", "hash_algorithm": "raw"},
        {"report_data": "78" * 65, "hash_algorithm": "sha512"},
    ]
    for algorithm in ("raw", None):
        with pytest.raises(ValueError, match="64 bytes"):
            client.tdx_quote("x" * 65, algorithm)
    with pytest.raises(ValueError, match="empty"):
        client.tdx_quote("", "sha256")
    with pytest.raises(DstackError, match="GetKey failed with status 400"):
        client.get_key()
