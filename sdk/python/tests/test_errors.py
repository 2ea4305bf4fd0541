import warnings
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest

import dstack_sdk
from dstack_sdk import AsyncDstackClient, AsyncTappdClient, DstackClient, DstackError, TappdClient

from .conftest import StubAgent

CALLS: dict[str, tuple[Any, ...]] = {
    "get_key": (),
    "get_quote": ("x",),
    "attest": ("x",),
    "info": (),
    "emit_event": ("e", ""),
    "get_tls_key": (),
    "sign": ("ed25519", ""),
    "verify": ("ed25519", "", "", ""),
    "gpu_info": (),
    "version": (),
}
RPC_NAMES = {
    "get_key": "GetKey",
    "get_quote": "GetQuote",
    "attest": "Attest",
    "info": "Info",
    "emit_event": "EmitEvent",
    "get_tls_key": "GetTlsKey",
    "sign": "Sign",
    "verify": "Verify",
    "gpu_info": "GpuInfo",
    "version": "Version",
}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_every_refusal_is_an_error(stub: StubAgent, method: str, status: int) -> None:
    stub.answer("/" + RPC_NAMES[method], {"error": "no such luck"}, status)
    with pytest.raises(DstackError) as caught:
        getattr(DstackClient(stub.endpoint), method)(*CALLS[method])
    assert isinstance(caught.value, httpx.HTTPStatusError)
    assert str(caught.value) == f"{RPC_NAMES[method]} failed with status {status}: no such luck"
    assert (caught.value.method, caught.value.error) == (RPC_NAMES[method], "no such luck")
    assert caught.value.response.status_code == status


@pytest.mark.parametrize("body", [b"<html>", b"", {"error": {"code": 404}}, [1], b"\xff"])
def test_refusals_without_a_text(stub: StubAgent, body: Any) -> None:
    stub.answer("/EmitEvent", body, 404)
    with pytest.raises(DstackError, match="EmitEvent failed with status 404: Not Found"):
        DstackClient(stub.endpoint).emit_event("e", "")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"key":'])
def test_answers_that_are_no_json_are_errors(stub: StubAgent, body: bytes) -> None:
    stub.answer("/EmitEvent", body)
    with pytest.raises(ValueError, match=r".+"):
        DstackClient(stub.endpoint).emit_event("e", "")


def test_is_reachable(stub: StubAgent, tmp_path: Path) -> None:
    client = DstackClient(stub.endpoint)
    assert client.is_reachable() is False
    stub.answer("/Info", {"error": "x"})
    assert client.is_reachable() is False
    stub.answer("/Info", {"app_id": ""})
    assert client.is_reachable() is True
    assert DstackClient("http://127.0.0.1:9").is_reachable() is False
    nobody = tmp_path / "nobody"
    nobody.touch()
    assert DstackClient(str(nobody)).is_reachable() is False


async def test_tappd_is_reachable_at_its_own_path(stub: StubAgent) -> None:
    stub.answer("/prpc/Tappd.Info", {})
    with pytest.warns(DeprecationWarning, match="AsyncTappdClient is deprecated, please use AsyncDstackClient instead"):
        client = AsyncTappdClient(stub.endpoint)
    assert await client.is_reachable() is True


def test_deprecations_are_told_once(stub: StubAgent) -> None:
    stub.answer("/prpc/Tappd.DeriveKey", {"key": "", "certificate_chain": []})
    stub.answer("/prpc/Tappd.TdxQuote", {"quote": "", "event_log": "[]"})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client = TappdClient(stub.endpoint)
        client.derive_key("p")
        client.tdx_quote("d")
    assert [str(w.message) for w in caught] == [
        "TappdClient is deprecated, please use DstackClient instead",
        "derive_key is deprecated, please use get_key instead",
        "tdx_quote is deprecated, please use get_quote instead",
    ]
    assert all(w.category is DeprecationWarning and w.filename == __file__ for w in caught)


def test_mocked_answers_need_only_json_and_raise_for_status(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Mock(spec_set=["json", "raise_for_status"])
    answer.json.return_value = {"key": "00", "signature_chain": []}
    monkeypatch.setattr(httpx.Client, "post", lambda *_, **__: answer)
    assert DstackClient("http://localhost:1").get_key().key == "00"


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with DstackClient("http://localhost:1") as client:
        http = client.async_client._sync_client
        assert http is not None
        assert http._mounts == {}


def test_slow_agents_time_out(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "slow.sock"))
        listener.listen()
        with pytest.raises(httpx.TimeoutException):
            DstackClient(str(tmp_path / "slow.sock"), timeout=0.05).info()
        with pytest.raises(httpx.TimeoutException):  # not taken for an old agent
            DstackClient(str(tmp_path / "slow.sock"), timeout=0.05).get_key(algorithm="ed25519")


async def test_contexts_count(stub: StubAgent) -> None:
    client = AsyncDstackClient(stub.endpoint)
    assert (client._client, client._client_ref_count) == (None, 0)
    async with client, client:
        assert client._client_ref_count == 2
        opened = client._client
    assert (client._client, client._client_ref_count) == (None, 0)
    assert opened is not None
    assert opened.is_closed


def test_connections_are_reused_and_closed(stub: StubAgent) -> None:
    stub.answer("/EmitEvent", None)
    client = DstackClient(stub.endpoint)
    assert client.async_client._sync_client is None
    client.emit_event("a", "")
    opened = client.async_client._sync_client
    client.emit_event("b", "")
    assert client.async_client._sync_client is opened
    client.close()
    assert opened is not None
    assert opened.is_closed
    client.emit_event("c", "")


def test_one_client_in_two_event_loops(stub: StubAgent) -> None:
    import asyncio

    stub.answer("/EmitEvent", None)
    client = AsyncDstackClient(stub.endpoint)
    asyncio.run(client.emit_event("a", ""))
    asyncio.run(client.emit_event("b", ""))
    assert len(stub.calls) == 2


def test_everything_exported_is_there() -> None:
    for name in dstack_sdk.__all__:
        assert getattr(dstack_sdk, name) is not None
