"""What detectors, supervisors and observability see on the wire, through plain AMQP."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import aio_pika
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

SPINE = ["rca.received", "script.generated", "script.validated", "script.approved", "execution.completed"]


def binary(id: str, finding: dict[str, Any], prefix: str = "cloudEvents_") -> aio_pika.Message:
    attributes = {"specversion": "1.0", "id": id, "source": "detector", "type": "rca.received"}
    headers = {prefix + name: value for name, value in attributes.items()}
    return aio_pika.Message(json.dumps(finding).encode(), headers=headers, content_type="application/json")


def structured(id: str, finding: dict[str, Any]) -> aio_pika.Message:
    event = {"specversion": "1.0", "id": id, "source": "detector", "type": "rca.received", "data": finding}
    return aio_pika.Message(json.dumps(event).encode(), content_type="application/cloudevents+json")


async def events_until(
    queue: aio_pika.abc.AbstractQueue, last: str
) -> list[aio_pika.abc.AbstractIncomingMessage]:
    seen = []
    async with asyncio.timeout(45), queue.iterator(no_ack=True) as messages:
        async for message in messages:
            seen.append(message)
            if message.routing_key == last:
                return seen
    raise AssertionError("the queue was closed")


@pytest.mark.parametrize("form", ["binary", "binary ce-", "binary cloudEvents:", "structured"])
async def test_a_bare_finding_leads_through_the_five_public_events(
    system: Any, program: Any, form: str
) -> None:
    id = str(uuid4())
    prefix = form.removeprefix("binary").strip() or "cloudEvents_"
    message = (
        structured(id, program.finding()) if form == "structured" else binary(id, program.finding(), prefix)
    )
    connection = await aio_pika.connect(system.stack.broker_url)
    async with connection, connection.channel() as channel:
        exchange = await channel.get_exchange("suture.events", ensure=False)
        queue = await channel.declare_queue(exclusive=True)
        for name in SPINE:
            await queue.bind(exchange, name)
        await exchange.publish(message, routing_key="rca.received")
        seen = await events_until(queue, "execution.completed")
    assert [event.routing_key for event in seen] == SPINE
    for event in seen[1:]:
        assert event.headers["cloudEvents_specversion"] == "1.0"
        assert event.headers["cloudEvents_type"] == event.routing_key
        assert event.headers["traceparent"]
    completed = json.loads(seen[-1].body)
    assert completed["outcome"] == "succeeded"
    assert {json.loads(event.body)["remediation_id"] for event in seen[1:]} == {completed["remediation_id"]}
    assert program.config.read_text() == program.known_good.read_text()


async def test_supervisors_find_the_request_in_their_predeclared_queue(system: Any, program: Any) -> None:
    answer = system.call("operator", "POST", "/api/findings", program.finding(confidence_score="LOW"))
    id = answer.json()["remediation_id"]
    connection = await aio_pika.connect(system.stack.broker_url)
    async with connection, connection.channel() as channel, asyncio.timeout(30):
        queue = await channel.get_queue("supervisors.approvals", ensure=False)
        async with queue.iterator() as messages:
            async for message in messages:
                await message.ack()
                request = json.loads(message.body)
                if request["remediation_id"] == id:
                    break
    assert request["script"]["sha256"]
    assert request["confidence"]["parts"].keys() >= {
        "template_match",
        "complexity",
        "validation",
        "rca_confidence",
    }


async def test_the_same_cloudevent_twice_is_one_remediation(system: Any, program: Any, bus: Any) -> None:
    id = str(uuid4())
    for _ in range(2):
        await bus.send("rca.received", json.dumps(program.finding()).encode(), id=id, source="detector")
    first = await bus.expect(_completed(), timeout=45)
    await bus.send("rca.received", json.dumps(program.finding()).encode(), id=id, source="detector")
    await asyncio.sleep(1)
    runs = [json.loads(seen.body) for seen in bus.seen(_completed()) if program.id in seen.body.decode()]
    assert {run["execution_id"] for run in runs} == {str(first.execution_id)}
    listed = system.call("operator", "GET", "/api/remediations?limit=200").json()["remediations"]
    assert len([one for one in listed if one["remediation_id"] == str(first.remediation_id)]) == 1


def _completed() -> Any:
    from suture_contracts.events import ExecutionCompleted

    return ExecutionCompleted
