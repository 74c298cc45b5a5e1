from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp import decode, encode
from pamqp.header import ContentHeader
from suture_chassis.properties import UNREADABLE, read_any_properties

HEADERS, CONTENT_TYPE, TIMESTAMP = 1 << 13, 1 << 15, 1 << 6


@pytest.fixture(autouse=True)
def reading_any() -> Iterator[None]:
    before = dict(decode.METHODS)
    read_any_properties()
    yield
    decode.METHODS.update(before)


def text(value: bytes) -> bytes:
    return b"S" + struct.pack(">I", len(value)) + value


def table(*entries: tuple[bytes, bytes]) -> bytes:
    packed = b"".join(bytes([len(name)]) + name + value for name, value in entries)
    return struct.pack(">I", len(packed)) + packed


def nested(levels: int) -> bytes:
    value = text(b"x")
    for _ in range(levels):
        value = b"F" + table((b"a", value))
    return value


def read(flags: int, properties: bytes) -> ContentHeader:
    header = ContentHeader()
    header.unmarshal(struct.pack(">HHQH", 60, 0, 0, flags) + properties)
    return header


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"T" + b"\xff" * 8, "year"),
        (nested(40), "nested"),
        (nested(3_000), "recursion"),
    ],
)
def test_the_others_are_kept_beside_one_that_cannot_be_read(value: bytes, why: str) -> None:
    entries = ((b"before", text(b"1")), (b"bad", value), (b"after", text(b"2")))
    headers = read(HEADERS, table(*entries)).properties.headers
    assert (headers["before"], headers["after"]) == ("1", "2")
    assert headers[UNREADABLE].startswith("bad: ")
    assert why in headers[UNREADABLE]


@pytest.mark.parametrize("entry", [(b"\xff", text(b"x")), (b"bad", b"?what"), (b"bad", b"S\xff")])
def test_what_follows_no_rule_is_marked(entry: tuple[bytes, bytes]) -> None:
    headers = read(HEADERS, table((b"before", text(b"1")), entry)).properties.headers
    assert headers["before"] == "1"
    assert headers[UNREADABLE]


def test_ordinary_headers_are_as_they_were() -> None:
    given = {"text": "ä", "number": 5, "table": {"a": [1, {"b": None}]}, "true": True}
    headers = read(HEADERS, encode.field_table(given)).properties.headers
    assert headers == given


def test_a_property_of_wrong_bytes_stays_as_long_as_it_was() -> None:
    header = read(CONTENT_TYPE, b"\xff" + b"\xfe" * 255)
    assert header.properties.content_type == "?" * 255
    assert read(TIMESTAMP, b"\x7f" + b"\xff" * 7).properties.timestamp is None


@given(st.binary(max_size=300))
def test_no_bytes_of_a_table_raise(data: bytes) -> None:
    packed = struct.pack(">I", len(data)) + data
    assert isinstance(read(HEADERS, packed).properties.headers, dict)
