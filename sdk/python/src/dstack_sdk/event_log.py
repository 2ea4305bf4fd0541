"""The event log of a quote and the replay of its registers."""

import hashlib
from collections.abc import Iterable

from pydantic import BaseModel

from .canonical_json import canonical_json
from .hex_text import decode_hex

REGISTER_SIZE = 48
REGISTER_COUNT = 4
RUNTIME_EVENT_TYPE = 0x08000001
INIT_MR = "00" * REGISTER_SIZE
"""A register nothing was measured into."""


class EventLog(BaseModel):
    """One entry of an event log; byte values are hex."""

    imr: int
    event_type: int
    digest: str
    event: str
    event_payload: str
    version: int | None = None
    preimage: str | None = None


def replay_rtmr(history: list[str]) -> str:
    """Return the value of a register after being extended by hex digests, each padded with zeros to 48 bytes."""
    register = bytes(REGISTER_SIZE)
    for digest in history:
        register = hashlib.sha384(register + decode_hex(digest).ljust(REGISTER_SIZE, b"\0")).digest()
    return register.hex()


def _preimage(event: EventLog) -> bytes:
    payload = decode_hex(event.event_payload)
    if event.version in (None, 1):
        return RUNTIME_EVENT_TYPE.to_bytes(4, "little") + b":" + event.event.encode("utf-8") + b":" + payload
    if event.version == 2:
        members = {"name": event.event, "payload": payload.hex(), "type": RUNTIME_EVENT_TYPE}
        return canonical_json(members).encode("utf-8")
    raise ValueError(f"event {event.event!r} has the unknown version {event.version}")


def event_digest(event: EventLog) -> str:
    """Return the digest an event extends its register by, as hex.

    A runtime event's is computed from its name and payload. Raises ValueError if the entry states another one.
    """
    if event.event_type != RUNTIME_EVENT_TYPE:
        decode_hex(event.digest)
        return event.digest
    preimage = _preimage(event)
    digest = hashlib.sha384(preimage).hexdigest()
    if event.digest and event.digest.lower() != digest:
        raise ValueError(f"the digest of event {event.event!r} is not that of its payload")
    if event.preimage and decode_hex(event.preimage) != preimage:
        raise ValueError(f"the preimage of event {event.event!r} is not that of its payload")
    return digest


def replay_rtmrs(events: Iterable[EventLog]) -> dict[int, str]:
    """Return the four registers an event log leads to."""
    histories: dict[int, list[str]] = {index: [] for index in range(REGISTER_COUNT)}
    for event in events:
        if event.imr in histories:
            histories[event.imr].append(event_digest(event))
    return {index: replay_rtmr(history) for index, history in histories.items()}
