"""The agent's answers. Byte values are hex; the `decode_` methods give them as bytes."""

import base64
import json
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, field_validator

from .event_log import EventLog, replay_rtmrs
from .hex_text import decode_hex


def _decode_pem(pem: str) -> bytes:
    return base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-----")))


class GetTlsKeyResponse(BaseModel):
    """A TLS key in PKCS#8 PEM and its certificates in PEM, leaf first."""

    key: str
    certificate_chain: list[str]

    def as_uint8array(self, max_length: int | None = None) -> bytes:
        """Return the DER of the key; with `max_length` cut or filled with zeros to that length.

        Its first bytes are the same for every key: do not use them as a secret.
        """
        der = _decode_pem(self.key)
        return der if max_length is None else der[:max_length].ljust(max_length, b"\0")


class GetKeyResponse(BaseModel):
    """A key of 32 bytes and the signatures that tie it to the app and the app to the KMS."""

    key: str
    signature_chain: list[str]

    def decode_key(self) -> bytes:
        """Return the key."""
        return decode_hex(self.key)

    def decode_signature_chain(self) -> list[bytes]:
        """Return the signatures: the app's over the key, the KMS's over the app's key."""
        return [decode_hex(signature) for signature in self.signature_chain]


class GetQuoteResponse(BaseModel):
    """A TDX quote and the event log that explains its registers."""

    quote: str
    event_log: str
    report_data: str = ""
    vm_config: str = ""
    attestation: str = ""

    def decode_quote(self) -> bytes:
        """Return the quote."""
        return decode_hex(self.quote)

    def decode_event_log(self) -> list[EventLog]:
        """Return the entries of the event log."""
        return [EventLog.model_validate(entry) for entry in json.loads(self.event_log)]

    def decode_attestation(self) -> bytes:
        """Return the versioned attestation; empty where the quote says it all."""
        return decode_hex(self.attestation)

    def replay_rtmrs(self) -> dict[int, str]:
        """Return the registers the event log leads to.

        They prove nothing unless they equal those in the quote and the quote was verified.
        """
        return replay_rtmrs(self.decode_event_log())


class TcbInfo(BaseModel):
    """The measurements of the VM."""

    mrtd: str
    rtmr0: str
    rtmr1: str
    rtmr2: str
    rtmr3: str
    app_compose: str
    event_log: list[EventLog]

    @field_validator("mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3", mode="before")
    @classmethod
    def _null_is_empty(cls, value: Any) -> Any:
        """Machines without TDX have no such registers."""
        return "" if value is None else value


class TcbInfoV03x(TcbInfo):
    """What agents of OS 0.3 say on the tappd socket."""

    rootfs_hash: str | None = None


class TcbInfoV05x(TcbInfo):
    """What agents of OS 0.5 say."""

    mr_aggregated: str = ""
    os_image_hash: str = ""
    compose_hash: str
    device_id: str


T = TypeVar("T", bound=TcbInfo)


class InfoResponse(BaseModel, Generic[T]):
    """What runs in this VM, and as what instance."""

    app_id: str
    instance_id: str
    app_cert: str
    tcb_info: T
    app_name: str
    device_id: str
    mr_aggregated: str = ""
    os_image_hash: str = ""
    key_provider_info: str
    compose_hash: str
    vm_config: str = ""
    cloud_vendor: str = ""
    cloud_product: str = ""

    @classmethod
    def parse_response(cls, obj: Any, tcb_info_type: type[T]) -> "InfoResponse[T]":
        """Make one of an answer, in which `tcb_info` is JSON text."""
        if isinstance(obj, dict) and isinstance(obj.get("tcb_info"), str):
            obj = {**obj, "tcb_info": json.loads(obj["tcb_info"])}
        return InfoResponse[tcb_info_type].model_validate(obj)  # type: ignore[valid-type]


class AttestResponse(BaseModel):
    """A versioned attestation."""

    attestation: str

    def decode_attestation(self) -> bytes:
        """Return the attestation."""
        return decode_hex(self.attestation)


class GpuInfoResponse(BaseModel):
    """The text of the GPU attestation taken at boot; empty without a GPU."""

    attestation: str


class SignResponse(BaseModel):
    """A signature, the key that made it, and the chain that ties that key to the app and the KMS."""

    signature: str
    signature_chain: list[str]
    public_key: str

    def decode_signature(self) -> bytes:
        """Return the signature, 64 bytes."""
        return decode_hex(self.signature)

    def decode_signature_chain(self) -> list[bytes]:
        """Return the chain, the signature itself first."""
        return [decode_hex(signature) for signature in self.signature_chain]

    def decode_public_key(self) -> bytes:
        """Return the public key."""
        return decode_hex(self.public_key)


class VerifyResponse(BaseModel):
    """Whether a signature is valid."""

    valid: bool


class VersionResponse(BaseModel):
    """The version of the agent."""

    version: str
    rev: str
