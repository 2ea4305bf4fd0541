"""Strict hexadecimal text: `bytes.fromhex` also takes spaces, the agent and the guest do not."""

import re

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")


def decode_hex(text: str) -> bytes:
    """Decode hex digits without a prefix; raises ValueError."""
    if not _HEX.fullmatch(text):
        raise ValueError("not an even number of hex digits")
    return bytes.fromhex(text)


def decode_prefixed_hex(text: str) -> bytes:
    """Decode hex digits that may begin with 0x or 0X; raises ValueError."""
    return decode_hex(text[2:] if text[:2] in ("0x", "0X") else text)
