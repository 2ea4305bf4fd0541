"""The synchronous clients of the guest agent."""

from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, TypeVar

from .async_client import DEFAULT_TIMEOUT, AsyncDstackClient, AsyncTappdClient, _warn_deprecated
from .models import (
    AttestResponse,
    GetKeyResponse,
    GetQuoteResponse,
    GetTlsKeyResponse,
    GpuInfoResponse,
    InfoResponse,
    SignResponse,
    TcbInfo,
    VerifyResponse,
    VersionResponse,
)

T = TypeVar("T")
Self = TypeVar("Self", bound="DstackClient")


def _finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, also where an event loop runs already."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    coroutine.close()
    raise RuntimeError("a synchronous call tried to wait")


class DstackClient:
    """Calls the guest agent of the VM this program runs in.

    Without an endpoint, `DSTACK_SIMULATOR_ENDPOINT` is used, else the agent's socket. An endpoint is the path of a unix
    socket or an http(s) URL. May be used as a context, which closes the connection at its end, or without.

    Every method raises DstackError, an httpx.HTTPStatusError, when the agent refuses the call. What each does is
    described at AsyncDstackClient, whose methods are the same.
    """

    async_client: AsyncDstackClient

    def __init__(self, endpoint: str | None = None, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Find the agent; `timeout` is in seconds, of each call."""
        self.async_client = AsyncDstackClient(endpoint, use_sync_http=True, timeout=timeout)

    def __enter__(self: Self) -> Self:
        """Open the client; contexts may be nested."""
        self.async_client._enter()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client when this is the outermost context."""
        _finish(self.async_client._leave())

    def close(self) -> None:
        """Close the connection; the next call opens a new one."""
        _finish(self.async_client.aclose())

    def get_key(
        self, path: str | None = None, purpose: str | None = None, algorithm: str = "secp256k1"
    ) -> GetKeyResponse:
        """Return the app's key for a path."""
        return _finish(self.async_client.get_key(path, purpose, algorithm))

    def get_quote(self, report_data: str | bytes) -> GetQuoteResponse:
        """Return a TDX quote over up to 64 bytes."""
        return _finish(self.async_client.get_quote(report_data))

    def attest(self, report_data: str | bytes) -> AttestResponse:
        """Return a versioned attestation over up to 64 bytes."""
        return _finish(self.async_client.attest(report_data))

    def info(self) -> InfoResponse[TcbInfo]:
        """Return what runs in this VM and how it was measured."""
        return _finish(self.async_client.info())

    def emit_event(self, event: str, payload: str | bytes) -> None:
        """Extend RTMR3 by an event."""
        _finish(self.async_client.emit_event(event, payload))

    def get_tls_key(
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
        """Return a new TLS key and its certificates."""
        return _finish(
            self.async_client.get_tls_key(
                subject,
                alt_names,
                usage_ra_tls,
                usage_server_auth,
                usage_client_auth,
                not_before=not_before,
                not_after=not_after,
                with_app_info=with_app_info,
            )
        )

    def sign(self, algorithm: str, data: str | bytes) -> SignResponse:
        """Sign data with the app's signing key."""
        return _finish(self.async_client.sign(algorithm, data))

    def verify(
        self, algorithm: str, data: str | bytes, signature: str | bytes, public_key: str | bytes
    ) -> VerifyResponse:
        """Tell whether a signature is valid under a public key."""
        return _finish(self.async_client.verify(algorithm, data, signature, public_key))

    def gpu_info(self) -> GpuInfoResponse:
        """Return the GPU attestation taken at boot."""
        return _finish(self.async_client.gpu_info())

    def version(self) -> VersionResponse:
        """Return the version of the agent."""
        return _finish(self.async_client.version())

    def is_reachable(self) -> bool:
        """Tell whether the agent answers."""
        return _finish(self.async_client.is_reachable())


class TappdClient(DstackClient):
    """Calls the legacy socket of agents before OS 0.5. Deprecated."""

    async_client: AsyncTappdClient

    def __init__(self, endpoint: str | None = None, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Find the agent; `timeout` is in seconds, of each call."""
        _warn_deprecated("TappdClient", "DstackClient")
        self.async_client = AsyncTappdClient(endpoint, use_sync_http=True, timeout=timeout)

    def derive_key(
        self, path: str | None = None, subject: str | None = None, alt_names: Sequence[str] | None = None
    ) -> GetTlsKeyResponse:
        """Return the TLS key of a path and a new certificate for it."""
        _warn_deprecated("derive_key", "get_key")
        return _finish(self.async_client._derive_key(path, subject, alt_names))

    def tdx_quote(self, report_data: str | bytes, hash_algorithm: str | None = None) -> GetQuoteResponse:
        """Return a TDX quote over the hash of some data; without an algorithm or with `raw` over the data itself."""
        _warn_deprecated("tdx_quote", "get_quote")
        return _finish(self.async_client._tdx_quote(report_data, hash_algorithm))
