"""JSON text that is the same in every language: sorted keys, no spaces, numbers as ECMAScript prints them."""

import math
from collections.abc import Mapping

MAX_EXACT_INTEGER = 2**53 - 1
"""Larger integers cannot be held by every language this text has to be equal in."""

_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _string(text: str) -> str:
    text.encode("utf-8")  # a lone surrogate has no UTF-8 form: UnicodeEncodeError, a ValueError
    return '"' + "".join(_SHORT_ESCAPES.get(c, f"\\u{ord(c):04x}" if c < " " else c) for c in text) + '"'


def _float(number: float) -> str:
    if not math.isfinite(number):
        return "null"
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, exponent = f"{abs(number)!r}e0".split("e")[:2]
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent) - (len(whole + fraction) - len(digits))
    return sign + _place_point(digits.rstrip("0"), point)


def _place_point(digits: str, point: int) -> str:
    """Print 0.DIGITS * 10^point the way ECMAScript's Number::toString does."""
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    fraction = "." + digits[1:] if count > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def _integer(number: int) -> str:
    if abs(number) > MAX_EXACT_INTEGER:
        raise ValueError("an integer beyond 2^53-1 has no portable form")
    return str(int(number))


def _object(members: Mapping[object, object]) -> str:
    for key in members:
        if not isinstance(key, str):
            raise TypeError(f"a JSON member's name is a string, not {type(key).__name__}")
    ordered = sorted(members.items(), key=lambda member: str.__str__(member[0]))
    return "{" + ",".join(f"{_string(key)}:{canonical_json(value)}" for key, value in ordered) + "}"  # type: ignore[arg-type]


def canonical_json(value: object) -> str:
    """Return the canonical text of a JSON value.

    NaN and the infinities become null. Raises ValueError for integers beyond 2^53-1 and lone surrogates, TypeError for
    what JSON cannot hold.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Mapping):
        return _object(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical_json, value)) + "]"
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")
