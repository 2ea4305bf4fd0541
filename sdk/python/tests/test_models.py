import inspect
import json
from typing import Any, get_type_hints

import pytest

from dstack_sdk import (
    AsyncDstackClient,
    DstackClient,
    GetKeyResponse,
    GetQuoteResponse,
    GetTlsKeyResponse,
    InfoResponse,
    TcbInfo,
)
from dstack_sdk.dstack_client import TcbInfoV03x, TcbInfoV05x

from .test_wallets import TLS_KEY

METHODS = [
    "get_key",
    "get_quote",
    "attest",
    "info",
    "emit_event",
    "get_tls_key",
    "sign",
    "verify",
    "gpu_info",
    "version",
    "is_reachable",
]
REGISTERS = dict.fromkeys(("mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"), "ab" * 48)


def info(tcb_info: dict[str, Any], **more: str) -> dict[str, Any]:
    names = ("app_id", "instance_id", "app_cert", "app_name", "device_id", "key_provider_info", "compose_hash")
    return {**dict.fromkeys(names, "x"), "tcb_info": json.dumps(tcb_info), **more}


def test_info_of_this_and_older_agents() -> None:
    tcb_info = {**REGISTERS, "app_compose": "{}", "event_log": []}
    old = InfoResponse.parse_response(info(tcb_info), TcbInfoV03x)
    assert isinstance(old.tcb_info, TcbInfo)
    assert old.tcb_info.rootfs_hash is None
    new = InfoResponse.parse_response(
        info({**tcb_info, "compose_hash": "c", "device_id": "d", "later": 1}, later="x"), TcbInfoV05x
    )
    assert (new.tcb_info.compose_hash, new.tcb_info.mr_aggregated, new.cloud_vendor, new.vm_config) == ("c", "", "", "")


def test_registers_of_machines_without_tdx_are_empty() -> None:
    registers: dict[str, Any] = dict.fromkeys(REGISTERS)
    tcb_info = {**registers, "app_compose": "", "event_log": [], "compose_hash": "", "device_id": ""}
    assert InfoResponse.parse_response(info(tcb_info), TcbInfoV05x).tcb_info.mrtd == ""


@pytest.mark.parametrize("tcb_info", ["", "x", "[]", "{}"])
def test_malformed_info_is_refused(tcb_info: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        InfoResponse.parse_response({**info({}), "tcb_info": tcb_info}, TcbInfoV05x)


def test_tls_key_bytes() -> None:
    der = TLS_KEY.as_uint8array()
    assert der[:36].hex() == "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"
    assert der[36:68].hex() == "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8"
    assert TLS_KEY.as_uint8array(32) == der[:32]
    assert TLS_KEY.as_uint8array(200) == der + bytes(62)
    assert TLS_KEY.as_uint8array(0) == b""


@pytest.mark.parametrize("text", ["0", "zz", "0x00", "00 11", "é"])
def test_bad_hex_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="hex"):
        GetKeyResponse(key=text, signature_chain=[]).decode_key()
    with pytest.raises(ValueError, match="hex"):
        GetQuoteResponse(quote=text, event_log="[]").decode_quote()


@pytest.mark.parametrize("method", METHODS)
def test_both_clients_have_the_same_methods(method: str) -> None:
    synchronous, asynchronous = getattr(DstackClient, method), getattr(AsyncDstackClient, method)
    assert inspect.signature(synchronous).parameters.keys() == inspect.signature(asynchronous).parameters.keys()
    assert get_type_hints(synchronous)["return"] == get_type_hints(asynchronous)["return"]
    assert not inspect.iscoroutinefunction(synchronous)
    assert inspect.iscoroutinefunction(asynchronous)


def test_return_types() -> None:
    assert get_type_hints(DstackClient.get_tls_key)["return"] is GetTlsKeyResponse
    assert get_type_hints(DstackClient.info)["return"] == InfoResponse[TcbInfo]
    assert get_type_hints(DstackClient.emit_event)["return"] is type(None)
