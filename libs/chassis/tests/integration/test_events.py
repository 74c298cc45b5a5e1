"""Events in, events out, on a real broker and store."""

from __future__ import annotations

from suture_contracts import ids
from suture_contracts.events import RcaAnalyzed
from suture_contracts.examples import example
from suture_contracts.findings import RcaReceived
from suture_testkit.wire import Wire


def finding() -> RcaReceived:
    message = example("rca.received")
    assert isinstance(message, RcaReceived)
    return message


async def test_an_event_becomes_a_document_and_the_next_event(analyzer, wire: Wire) -> None:
    async with analyzer.service:
        await wire.publish(finding(), id="1", source="detector")
        event = await wire.expect(RcaAnalyzed)
    remediation = ids.remediation_id("detector", "1")
    assert event.remediation_id == remediation
    assert event.causation_id == "1"
    assert event.causation_digest == ids.sha256(finding().model_dump_json().encode())
