"""Strict reading of what others wrote: JSON without duplicates or NaN, base64 in its one canonical form."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any


def parse_object(data: bytes | str, *, limit: int) -> dict[str, Any]:
    """The JSON object in ``data``; raises ``ValueError`` on anything else, or above ``limit`` bytes."""
    if len(data) > limit:
        raise ValueError(f"is longer than {limit} bytes")
    try:
        value = json.loads(data, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")
    return value


def decode_base64(text: str) -> bytes:
    """The bytes of standard, padded base64; one byte string has one spelling. Raises ``ValueError``."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"is not base64: {error}") from None
    # Spare bits at the end could say the same in several ways; only the encoder's own is accepted.
    if base64.b64encode(data).decode() != text:
        raise ValueError("is not canonical base64")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("repeats a key")
    return result


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"contains {name}")
