"""CloudEvents 1.0 over AMQP 0.9.1, read from untrusted messages and written for our own.

The official AMQP binding covers AMQP 1.0; this is its mapping to 0.9.1: attributes in headers with the
prefix ``cloudEvents_`` (``cloudEvents:`` and ``ce-`` are read too), ``datacontenttype`` as the content-type
property. Structured mode, one JSON document, is read as well.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from suture_contracts import ids
from suture_contracts.base import MAX_MESSAGE_BYTES

from suture_chassis.errors import PermanentError
from suture_chassis.properties import UNREADABLE

PREFIXES = ("cloudEvents_", "cloudEvents:", "ce-")
STRUCTURED = "application/cloudevents+json"
_REQUIRED = ("specversion", "id", "source", "type")
_MAX_ATTRIBUTE = 200


@dataclass(frozen=True, slots=True)
class Envelope:
    """A CloudEvent's attributes, its data as bytes, and their SHA-256 in hexadecimal."""

    id: str
    source: str
    type: str
    time: datetime
    data: bytes
    digest: str


def read(headers: Mapping[str, Any], content_type: str | None, body: bytes) -> Envelope:
    """The CloudEvent in a message. Raises ``PermanentError`` naming the attribute that is at fault."""
    if len(body) > MAX_MESSAGE_BYTES:
        raise PermanentError(
            f"the body has {len(body)} bytes, more than {MAX_MESSAGE_BYTES}",
            field="body",
            remedy="send less; large evidence belongs in a link",
            status=413,
        )
    if UNREADABLE in headers:
        raise PermanentError(
            f"a header cannot be read: {str(headers[UNREADABLE])[:300]}",
            field="headers",
            remedy="send text in UTF-8, times within the calendar and tables that are not deeply nested",
            status=400,
        )
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind.startswith("application/cloudevents"):
        return _structured(kind, body)
    attributes = {name: _attribute(headers, name) for name in (*_REQUIRED, "time")}
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise PermanentError(
            f"the content type {kind[:60]!r} is not JSON",
            field="datacontenttype",
            remedy="send application/json",
            status=415,
        )
    return _envelope(attributes, body)


def write(*, id: str, source: str, type: str, time: datetime) -> dict[str, Any]:
    """The headers of our own message, in binary mode."""
    return {
        "cloudEvents_specversion": "1.0",
        "cloudEvents_id": id,
        "cloudEvents_source": source,
        "cloudEvents_type": type,
        "cloudEvents_time": time.isoformat(timespec="milliseconds"),
    }


def _attribute(headers: Mapping[str, Any], name: str) -> Any:
    for prefix in PREFIXES:
        value = headers.get(prefix + name)
        if value is not None:
            return value
    return None


def _structured(kind: str, body: bytes) -> Envelope:
    if kind != STRUCTURED:
        raise PermanentError(
            f"the content type {kind[:60]!r} is not supported",
            field="content_type",
            remedy=f"send one event a message, as {STRUCTURED} or in binary mode",
            status=415,
        )
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PermanentError(
            f"the body is not JSON: {str(error)[:200]}", field="body", remedy="send one valid JSON document"
        ) from None
    if not isinstance(document, dict):
        raise PermanentError(
            "the body is not a JSON object", field="body", remedy="send a CloudEvent as a JSON object"
        )
    return _envelope(document, _structured_data(document))


def _structured_data(document: dict[str, Any]) -> bytes:
    if "data_base64" in document:
        try:
            return base64.b64decode(document["data_base64"], validate=True)
        except (binascii.Error, ValueError, TypeError):
            raise PermanentError(
                "data_base64 is not base64", field="data_base64", remedy="encode the data, or send it as data"
            ) from None
    if "data" not in document:
        raise PermanentError("the event has no data", field="data", remedy="send the message as data")
    # A JSON document has no bytes of its own inside another one: these are the ones that we digest.
    try:
        return json.dumps(
            document["data"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
    except (UnicodeEncodeError, RecursionError):
        raise PermanentError(
            "data holds a lone surrogate or is nested too deeply",
            field="data",
            remedy="send plain Unicode text",
        ) from None


def _envelope(attributes: Mapping[str, Any], data: bytes) -> Envelope:
    texts = {name: _text(attributes.get(name), name) for name in _REQUIRED}
    if texts["specversion"] != "1.0":
        raise PermanentError(
            f"specversion {texts['specversion']!r} is not supported", field="specversion", remedy="send 1.0"
        )
    time = _time(attributes.get("time"))
    return Envelope(texts["id"], texts["source"], texts["type"], time, data, ids.sha256(data))


def _text(value: Any, name: str) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if value is None or value == "":
        raise PermanentError(
            f"the CloudEvents attribute {name} is missing",
            field=name,
            remedy=f"set the header cloudEvents_{name}, or send structured mode",
            status=400,
        )
    if not isinstance(value, str) or len(value) > _MAX_ATTRIBUTE or not value.isprintable():
        raise PermanentError(
            f"the CloudEvents attribute {name} is no printable text of at most {_MAX_ATTRIBUTE} characters",
            field=name,
            remedy=f"shorten {name} and remove control characters",
            status=400,
        )
    return value


def _time(value: Any) -> datetime:
    if value is None:
        return datetime.now(UTC)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(_text(value, "time"))
    except ValueError:
        raise PermanentError(
            "the CloudEvents attribute time is not a timestamp",
            field="time",
            remedy="send RFC 3339, such as 2026-01-31T12:00:00Z",
            status=400,
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
