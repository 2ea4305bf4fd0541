"""Calls of the agent's HTTP API: one POST of JSON each, over a unix socket or HTTP."""

import asyncio
import weakref
from typing import Any

import httpx

from .endpoint import is_http
from .version import __version__

_HEADERS = {"Content-Type": "application/json", "User-Agent": f"dstack-sdk-python/{__version__}"}


class DstackError(httpx.HTTPStatusError):
    """The agent refused a call: `method` says which, `error` why, `response.status_code` with what status."""

    def __init__(self, method: str, error: str, *, request: httpx.Request, response: httpx.Response) -> None:
        """Describe the refusal in one line."""
        super().__init__(
            f"{method} failed with status {response.status_code}: {error}", request=request, response=response
        )
        self.method = method
        self.error = error


def _error_text(response: httpx.Response) -> str | None:
    """Return what an answer states as its error."""
    try:
        body = response.json()
    except ValueError:
        return None
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, str) else None


def _read(method: str, response: httpx.Response) -> Any:
    try:
        response.raise_for_status()
    except httpx.HTTPStatusError as error:
        text = _error_text(response) or response.reason_phrase
        raise DstackError(method, text, request=error.request, response=response) from None
    body = response.json()
    error_text = body.get("error") if isinstance(body, dict) else None
    if isinstance(error_text, str):
        raise DstackError(method, error_text, request=response.request, response=response)
    return body


class RpcClient:
    """The HTTP side of a client: made when first used, kept for the next call, closed with the last context."""

    PATH_PREFIX = "/"

    def __init__(self, endpoint: str, *, use_sync_http: bool, timeout: float) -> None:
        """Take an endpoint that was found; no I/O yet."""
        self.use_sync_http = use_sync_http
        self.timeout = timeout
        self._socket_path = None if is_http(endpoint) else endpoint
        self.base_url = endpoint if is_http(endpoint) else "http://localhost"
        self.async_transport: httpx.AsyncHTTPTransport | None = None
        self.sync_transport: httpx.HTTPTransport | None = None
        self._client: httpx.AsyncClient | None = None
        self._client_loop: weakref.ref[asyncio.AbstractEventLoop] | None = None
        self._sync_client: httpx.Client | None = None
        self._client_ref_count = 0

    def _get_client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        # Connections belong to the loop they were opened in; one that is gone cannot close them any more.
        if self._client is None or self._client_loop is None or self._client_loop() is not loop:
            self._client_loop = weakref.ref(loop)
            self.async_transport = httpx.AsyncHTTPTransport(uds=self._socket_path, trust_env=False)
            self._client = httpx.AsyncClient(
                transport=self.async_transport, base_url=self.base_url, timeout=self.timeout, trust_env=False
            )
        return self._client

    def _get_sync_client(self) -> httpx.Client:
        if self._sync_client is None:
            self.sync_transport = httpx.HTTPTransport(uds=self._socket_path, trust_env=False)
            self._sync_client = httpx.Client(
                transport=self.sync_transport, base_url=self.base_url, timeout=self.timeout, trust_env=False
            )
        return self._sync_client

    async def _send_rpc_request(self, method: str, payload: dict[str, Any]) -> Any:
        """Call a method and return its parsed answer.

        Raises DstackError when the agent refuses, httpx.TransportError when it cannot be reached.
        """
        path = self.PATH_PREFIX + method
        if self.use_sync_http:
            response = self._get_sync_client().post(path, json=payload, headers=_HEADERS)
        else:
            response = await self._get_client().post(path, json=payload, headers=_HEADERS)
        return _read(method, response)

    def _enter(self) -> None:
        self._client_ref_count += 1
        if self.use_sync_http:
            self._get_sync_client()
        else:
            self._get_client()

    async def _leave(self) -> None:
        self._client_ref_count -= 1
        if self._client_ref_count == 0:
            await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones."""
        client, self._client = self._client, None
        sync_client, self._sync_client = self._sync_client, None
        if client is not None:
            await client.aclose()
        if sync_client is not None:
            sync_client.close()
