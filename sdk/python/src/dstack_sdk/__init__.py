"""Client of the dstack guest agent: keys, TLS certificates, quotes and events inside a confidential VM."""

from .dstack_client import (
    AsyncDstackClient,
    AsyncTappdClient,
    AttestResponse,
    DstackClient,
    DstackError,
    EventLog,
    GetKeyResponse,
    GetQuoteResponse,
    GetTlsKeyResponse,
    GpuInfoResponse,
    InfoResponse,
    SignResponse,
    TappdClient,
    TcbInfo,
    VerifyResponse,
    VersionResponse,
)
from .encrypt_env_vars import EnvVar, encrypt_env_vars, encrypt_env_vars_sync
from .get_compose_hash import AppCompose, DockerConfig, Requirements, canonical_compose, get_compose_hash
from .verify_env_encrypt_public_key import (
    verify_env_encrypt_public_key,
    verify_env_encrypt_public_key_legacy,
    verify_signature_simple,
)
from .version import __version__

__all__ = [
    "AppCompose",
    "AsyncDstackClient",
    "AsyncTappdClient",
    "AttestResponse",
    "DockerConfig",
    "DstackClient",
    "DstackError",
    "EnvVar",
    "EventLog",
    "GetKeyResponse",
    "GetQuoteResponse",
    "GetTlsKeyResponse",
    "GpuInfoResponse",
    "InfoResponse",
    "Requirements",
    "SignResponse",
    "TappdClient",
    "TcbInfo",
    "VerifyResponse",
    "VersionResponse",
    "__version__",
    "canonical_compose",
    "encrypt_env_vars",
    "encrypt_env_vars_sync",
    "get_compose_hash",
    "verify_env_encrypt_public_key",
    "verify_env_encrypt_public_key_legacy",
    "verify_signature_simple",
]
