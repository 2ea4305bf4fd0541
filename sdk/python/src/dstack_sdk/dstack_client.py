"""The clients and their answers under the module name programs import them from."""

import httpx

from .async_client import AsyncDstackClient, AsyncTappdClient
from .event_log import INIT_MR, EventLog, replay_rtmr
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
from .rpc import DstackError
from .sync_client import DstackClient, TappdClient
from .version import __version__

__all__ = [
    "INIT_MR",
    "AsyncDstackClient",
    "AsyncTappdClient",
    "AttestResponse",
    "DstackClient",
    "DstackError",
    "EventLog",
    "GetKeyResponse",
    "GetQuoteResponse",
    "GetTlsKeyResponse",
    "GpuInfoResponse",
    "InfoResponse",
    "SignResponse",
    "TappdClient",
    "TcbInfo",
    "TcbInfoV03x",
    "TcbInfoV05x",
    "VerifyResponse",
    "VersionResponse",
    "__version__",
    "httpx",
    "replay_rtmr",
]
