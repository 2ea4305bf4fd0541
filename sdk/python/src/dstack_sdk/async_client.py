"""The asynchronous clients of the guest agent."""

import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TypeVar

import httpx

from .endpoint import find_endpoint, socket_paths
from .models import (
    AttestResponse,
    GetKeyResponse,
    GetQuoteResponse,
    GetTlsKeyResponse,
    GpuInfoResponse,
    InfoResponse,
    SignResponse,
    TcbInfo,
    TcbInfoV03x,
    TcbInfoV05x,
    VerifyResponse,
    VersionResponse,
)
from .rpc import RpcClient

REPORT_DATA_SIZE = 64
DIGEST_SIZE = 32
DEFAULT_TIMEOUT = 3
_ALGORITHMS_WITHOUT_PROBE = ("", "secp256k1", "k256")

Self = TypeVar("Self", bound="AsyncDstackClient")


def _as_bytes(data: str | bytes) -> bytes:
    return data.encode("utf-8") if isinstance(data, str) else bytes(data)


def _report_data(report_data: str | bytes) -> bytes:
    if not isinstance(report_data, str | bytes | bytearray) or not report_data:
        raise ValueError("report_data can not be empty")
    data = _as_bytes(report_data)
    if len(data) > REPORT_DATA_SIZE:
        raise ValueError(f"report_data must not be longer than {REPORT_DATA_SIZE} bytes")
    return data


def _is_server_trouble(error: Exception) -> bool:
    """Tell an agent that cannot answer now from one that does not know the method."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)


class AsyncDstackClient(RpcClient):
    """Calls the guest agent of the VM this program runs in.

    Without an endpoint, `DSTACK_SIMULATOR_ENDPOINT` is used, else the agent's socket. An endpoint is the path of a unix
    socket or an http(s) URL. May be used as a context, which closes the connection at its end, or without.

    Every method raises DstackError, an httpx.HTTPStatusError, when the agent refuses the call.
    """

    _ENDPOINT_VARIABLE = "DSTACK_SIMULATOR_ENDPOINT"
    _SOCKET_NAME = "dstack.sock"

    def __init__(self, endpoint: str | None = None, *, use_sync_http: bool = False, timeout: float = DEFAULT_TIMEOUT):
        """Find the agent; `timeout` is in seconds, of each call."""
        found = find_endpoint(endpoint, self._ENDPOINT_VARIABLE, socket_paths(self._SOCKET_NAME))
        super().__init__(found, use_sync_http=use_sync_http, timeout=timeout)

    async def __aenter__(self: Self) -> Self:
        """Open the client; contexts may be nested."""
        self._enter()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client when this is the outermost context."""
        await self._leave()

    async def _require_version(self, what: str) -> None:
        """Raise RuntimeError unless the agent is new enough to have the Version method."""
        try:
            answer = await self._send_rpc_request("Version", {})
        except Exception as error:
            if _is_server_trouble(error):
                raise
            answer = None
        version = answer.get("version") if isinstance(answer, dict) else None
        if not isinstance(version, str) or not version:
            raise RuntimeError(f"{what} not supported: OS version too old (Version RPC unavailable)")

    async def get_key(
        self, path: str | None = None, purpose: str | None = None, algorithm: str = "secp256k1"
    ) -> GetKeyResponse:
        """Return the app's key for a path, the same at every call and on every machine the KMS lets it run on.

        `purpose` enters only the signature. The same path gives the same 32 bytes for every algorithm: use one path per
        algorithm. Raises RuntimeError when an algorithm is asked of an agent that is too old to know any.
        """
        payload = {"path": path or "", "purpose": purpose or ""}
        if algorithm not in _ALGORITHMS_WITHOUT_PROBE:
            await self._require_version(f'algorithm "{algorithm}" is')
        if algorithm not in ("", "secp256k1"):
            payload["algorithm"] = algorithm
        return GetKeyResponse.model_validate(await self._send_rpc_request("GetKey", payload))

    async def get_quote(self, report_data: str | bytes) -> GetQuoteResponse:
        """Return a TDX quote over up to 64 bytes, which the agent fills up with zeros. Hash what is longer."""
        payload = {"report_data": _report_data(report_data).hex()}
        return GetQuoteResponse.model_validate(await self._send_rpc_request("GetQuote", payload))

    async def attest(self, report_data: str | bytes) -> AttestResponse:
        """Return a versioned attestation over up to 64 bytes, for any platform."""
        payload = {"report_data": _report_data(report_data).hex()}
        return AttestResponse.model_validate(await self._send_rpc_request("Attest", payload))

    async def info(self) -> InfoResponse[TcbInfo]:
        """Return what runs in this VM and how it was measured."""
        return InfoResponse.parse_response(await self._send_rpc_request("Info", {}), TcbInfoV05x)

    async def emit_event(self, event: str, payload: str | bytes) -> None:
        """Extend RTMR3 by an event, which later quotes and their logs then show."""
        if not event:
            raise ValueError("event name cannot be empty")
        await self._send_rpc_request("EmitEvent", {"event": event, "payload": _as_bytes(payload).hex()})

    async def get_tls_key(
        self,
        subject: str | None = None,
        alt_names: Sequence[str] | None = None,
        usage_ra_tls: bool = False,
        usage_server_auth: bool = True,
        usage_client_auth: bool = False,
        *,
        not_before: int | None = None,
        not_after: int | None = None,
        with_app_info: bool | None = None,
    ) -> GetTlsKeyResponse:
        """Return a new TLS key and its certificates, issued by the app's CA.

        `usage_ra_tls` puts a quote into the certificate. `not_before` and `not_after` are Unix seconds. Raises
        RuntimeError when one of the keyword-only options is asked of an agent that is too old for it.
        """
        payload: dict[str, Any] = {
            "subject": subject or "",
            "usage_ra_tls": usage_ra_tls,
            "usage_server_auth": usage_server_auth,
            "usage_client_auth": usage_client_auth,
        }
        if alt_names:
            payload["alt_names"] = list(alt_names)
        options = {"not_before": not_before, "not_after": not_after, "with_app_info": with_app_info}
        given = {name: value for name, value in options.items() if value is not None}
        if given:
            await self._require_version(f"TLS key options [{', '.join(given)}] are")
        return GetTlsKeyResponse.model_validate(await self._send_rpc_request("GetTlsKey", payload | given))

    async def sign(self, algorithm: str, data: str | bytes) -> SignResponse:
        """Sign data with the app's signing key: `ed25519`, `secp256k1` (of the SHA-256) or `secp256k1_prehashed`."""
        message = _as_bytes(data)
        if algorithm == "secp256k1_prehashed" and len(message) != DIGEST_SIZE:
            raise ValueError(f"pre-hashed signing takes a {DIGEST_SIZE}-byte digest, not {len(message)} bytes")
        payload = {"algorithm": algorithm, "data": message.hex()}
        return SignResponse.model_validate(await self._send_rpc_request("Sign", payload))

    async def verify(
        self, algorithm: str, data: str | bytes, signature: str | bytes, public_key: str | bytes
    ) -> VerifyResponse:
        """Tell whether a signature is valid under a public key, whoever's that is. Strings are text, not hex."""
        payload = {
            "algorithm": algorithm,
            "data": _as_bytes(data).hex(),
            "signature": _as_bytes(signature).hex(),
            "public_key": _as_bytes(public_key).hex(),
        }
        return VerifyResponse.model_validate(await self._send_rpc_request("Verify", payload))

    async def gpu_info(self) -> GpuInfoResponse:
        """Return the GPU attestation taken at boot."""
        return GpuInfoResponse.model_validate(await self._send_rpc_request("GpuInfo", {}))

    async def version(self) -> VersionResponse:
        """Return the version of the agent."""
        return VersionResponse.model_validate(await self._send_rpc_request("Version", {}))

    async def is_reachable(self) -> bool:
        """Tell whether the agent answers."""
        try:
            await self._send_rpc_request("Info", {})
        except Exception:
            return False
        return True


def _warn_deprecated(name: str, replacement: str) -> None:
    warnings.warn(f"{name} is deprecated, please use {replacement} instead", DeprecationWarning, stacklevel=3)


class AsyncTappdClient(AsyncDstackClient):
    """Calls the legacy socket of agents before OS 0.5. Deprecated."""

    PATH_PREFIX = "/prpc/Tappd."
    _ENDPOINT_VARIABLE = "TAPPD_SIMULATOR_ENDPOINT"
    _SOCKET_NAME = "tappd.sock"

    def __init__(self, endpoint: str | None = None, *, use_sync_http: bool = False, timeout: float = DEFAULT_TIMEOUT):
        """Find the agent; `timeout` is in seconds, of each call."""
        if not use_sync_http:  # else the warning is the synchronous client's
            _warn_deprecated("AsyncTappdClient", "AsyncDstackClient")
        super().__init__(endpoint, use_sync_http=use_sync_http, timeout=timeout)

    async def derive_key(
        self, path: str | None = None, subject: str | None = None, alt_names: Sequence[str] | None = None
    ) -> GetTlsKeyResponse:
        """Return the TLS key of a path and a new certificate for it."""
        _warn_deprecated("derive_key", "get_key")
        return await self._derive_key(path, subject, alt_names)

    async def _derive_key(
        self, path: str | None, subject: str | None, alt_names: Sequence[str] | None
    ) -> GetTlsKeyResponse:
        payload: dict[str, Any] = {"path": path or "", "subject": subject or path or ""}
        if alt_names:
            payload["alt_names"] = list(alt_names)
        return GetTlsKeyResponse.model_validate(await self._send_rpc_request("DeriveKey", payload))

    async def tdx_quote(self, report_data: str | bytes, hash_algorithm: str | None = None) -> GetQuoteResponse:
        """Return a TDX quote over the hash of some data; without an algorithm or with `raw` over the data itself.

        Raw data may have up to 64 bytes and is filled up with zeros on the left.
        """
        _warn_deprecated("tdx_quote", "get_quote")
        return await self._tdx_quote(report_data, hash_algorithm)

    async def _tdx_quote(self, report_data: str | bytes, hash_algorithm: str | None) -> GetQuoteResponse:
        data = _as_bytes(report_data)
        if not data:
            raise ValueError("report_data can not be empty")
        algorithm = hash_algorithm or "raw"
        if algorithm == "raw":
            data = _report_data(data).rjust(REPORT_DATA_SIZE, b"\0")
        payload = {"report_data": data.hex(), "hash_algorithm": algorithm}
        return GetQuoteResponse.model_validate(await self._send_rpc_request("TdxQuote", payload))

    async def info(self) -> InfoResponse[TcbInfo]:
        """Return what runs in this VM and how it was measured."""
        return InfoResponse.parse_response(await self._send_rpc_request("Info", {}), TcbInfoV03x)
