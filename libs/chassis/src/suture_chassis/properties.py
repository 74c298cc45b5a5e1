"""Reads a message's properties so that none of them can end the connection that it comes over.

The AMQP library takes whatever it cannot decode (text that is not UTF-8, a timestamp beyond the calendar,
tables in tables without end) for a broken broker and closes the connection. The message then comes again,
wherever it is: in its queue, to every consumer, and among the dead letters, to whoever looks at them. Here
such a value becomes a mark instead, and the message one that is refused by name.
"""

from __future__ import annotations

import contextlib
import struct
from typing import Any

from pamqp import decode

UNREADABLE = "suture_unreadable"
"""The header that says which one could not be read, and why."""
_MAX_DEPTH = 16
_NESTING = (dict, list)
_SIZED = b"SAFx"
_FIXED = {b"T": 8, b"D": 5}
_LENGTH = struct.Struct(">I")


def read_any_properties() -> None:
    """From now on, and in this whole process."""
    decode.METHODS["shortstr"] = _short_text
    decode.METHODS["timestamp"] = _moment
    decode.METHODS["table"] = _table


def _short_text(value: bytes) -> tuple[int, str]:
    end = value[0] + 1
    return end, _text(value[1:end])


def _text(data: bytes) -> str:
    # One character for each wrong byte: it must not grow beyond what a property may have.
    return data.decode("utf-8", "replace").replace("\N{REPLACEMENT CHARACTER}", "?")


def _moment(value: bytes) -> tuple[int, Any]:
    try:
        return decode.timestamp(value)
    except (ValueError, OverflowError, OSError):
        return 8, None


def _table(value: bytes) -> tuple[int, dict[str, Any]]:
    end = _LENGTH.unpack_from(value)[0] + _LENGTH.size
    with contextlib.suppress(Exception):  # whatever a stranger's bytes make a decoder raise
        table = decode.field_table(value)[1]
        if not any(isinstance(item, _NESTING) and not _is_flat(item) for item in table.values()):
            return end, table
    return end, _read_apart(value[_LENGTH.size : end])


def _read_apart(data: bytes) -> dict[str, Any]:
    """Entry by entry, so that what is readable still says which message this is."""
    table: dict[str, Any] = {}
    at = 0
    while at < len(data):
        start = at + 1 + data[at]
        name = _text(data[at + 1 : start])
        try:
            data[at + 1 : start].decode()
            size, item = decode.embedded_value(data[start:])
            if not _is_flat(item):
                raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels")
            table[name] = item
        except Exception as error:
            table[UNREADABLE] = f"{name[:100]}: {str(error)[:200]}"
            size = _size(data[start : start + 5])
        if not size:
            return table
        at = start + size
    return table


def _size(start: bytes) -> int:
    """The bytes of an entry's value by its first five; 0 where they do not tell."""
    kind = start[:1]
    if kind in _FIXED:
        return 1 + _FIXED[kind]
    if kind and kind in _SIZED and len(start) == 1 + _LENGTH.size:
        return len(start) + int(_LENGTH.unpack(start[1:])[0])
    return 0


def _is_flat(item: Any) -> bool:
    level = [item]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, _NESTING)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False
