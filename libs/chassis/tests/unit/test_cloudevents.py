from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suture_chassis import cloudevents
from suture_chassis.errors import PermanentError
from suture_contracts import ids

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
GIVEN = {
    "specversion": "1.0",
    "id": "1",
    "source": "detector",
    "type": "rca.received",
    "time": "2026-01-31T12:00:00Z",
}


def headers(prefix: str = "cloudEvents_", **changes: object) -> dict[str, object]:
    attributes = {**GIVEN, **changes}
    return {prefix + name: value for name, value in attributes.items() if value is not None}


def test_what_is_written_is_read_again() -> None:
    written = cloudevents.write(id="1", source="detector", type="rca.received", time=AT)
    assert cloudevents.read(written, "application/json", b"{}") == cloudevents.Envelope(
        "1", "detector", "rca.received", AT, b"{}", ids.sha256(b"{}")
    )


@pytest.mark.parametrize("prefix", cloudevents.PREFIXES)
def test_each_prefix_is_read(prefix: str) -> None:
    assert cloudevents.read(headers(prefix), None, b"{}").time == AT


def test_time_may_be_missing_and_may_be_an_amqp_timestamp() -> None:
    assert cloudevents.read(headers(time=None), None, b"{}").time.tzinfo is not None
    assert cloudevents.read(headers(time=AT.replace(tzinfo=None)), None, b"{}").time == AT


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "application/cloudevents-batch+json"]
)
def test_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(PermanentError) as caught:
        cloudevents.read(headers(), content_type, b"{}")
    assert caught.value.status == 415


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{" * 100_000,
        b"[" * 100_000,
        json.dumps(GIVEN).encode(),
        json.dumps({**GIVEN, "data_base64": "no!"}).encode(),
        json.dumps({**GIVEN, "data_base64": 5}).encode(),
        json.dumps({**GIVEN, "data": "\ud800"}).encode(),
        json.dumps({**GIVEN, "id": ["1"], "data": {}}).encode(),
        json.dumps({**GIVEN, "id": "\x00", "data": {}}).encode(),
    ],
)
def test_a_broken_structured_event_is_a_named_error(document: bytes) -> None:
    with pytest.raises(PermanentError) as caught:
        cloudevents.read({}, cloudevents.STRUCTURED, document)
    assert caught.value.field
    assert caught.value.remedy


@given(
    st.dictionaries(
        st.sampled_from([prefix + name for prefix in cloudevents.PREFIXES for name in GIVEN]),
        st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.floats(), st.lists(st.text())),
    ),
    st.one_of(st.none(), st.text(), st.just(cloudevents.STRUCTURED)),
    st.binary(),
)
def test_nothing_from_outside_gets_another_answer_than_an_event_or_a_permanent_error(
    found: dict[str, object], content_type: str | None, body: bytes
) -> None:
    with contextlib.suppress(PermanentError):
        assert cloudevents.read(found, content_type, body).id.isprintable()
