"""Events in, events out, on a real broker and store."""

from __future__ import annotations

import asyncio
import base64
import json

import aio_pika
import pytest
from suture_chassis.app import Service
from suture_chassis.custody import sign_message
from suture_chassis.errors import PermanentError, TemporaryError
from suture_contracts import ids
from suture_contracts.base import MAX_MESSAGE_BYTES
from suture_contracts.events import RcaAnalyzed, ScriptGenerated
from suture_contracts.examples import example
from suture_contracts.topology import EVENTS, EVENTS_EXCHANGE, PUBLISHERS
from suture_testkit.waiting import eventually


async def test_an_event_becomes_a_document_and_the_next_event(analyzer, wire, finding) -> None:
    async with analyzer.service:
        await wire.publish(finding, id="1", source="detector")
        event = await wire.expect(RcaAnalyzed)
        assert event.remediation_id == ids.remediation_id("detector", "1")
        assert event.causation_id == "1"
        assert event.causation_digest == ids.sha256(finding.model_dump_json().encode())
        stored = await analyzer.analyses.get(str(event.remediation_id))
    assert stored == {"_id": str(event.remediation_id), "state": "analyzed", "revision": 1}


async def test_the_published_event_is_a_signed_binary_mode_cloudevent(analyzer, wire, finding, trust) -> None:
    async with analyzer.service:
        await wire.publish(finding, id="1", source="detector")
        event = await wire.expect(RcaAnalyzed)
    (seen,) = wire.seen(RcaAnalyzed)
    assert seen.headers["cloudEvents_specversion"] == "1.0"
    assert seen.id == str(ids.event_id(str(event.remediation_id), "rca.analyzed", 0))
    assert seen.source == "suture/analyzer"
    assert len(seen.headers["traceparent"]) == 55
    assert seen.headers["suture_signature"].startswith(trust.signer("analyzer").keyid + ":")


@pytest.mark.parametrize("prefix", ["cloudEvents:", "ce-"])
async def test_other_prefixes_of_attributes_are_read(analyzer, wire, finding, prefix) -> None:
    names = ("specversion", "id", "source", "type", "time")
    given = {
        "specversion": "1.0",
        "id": "7",
        "source": "detector",
        "type": "rca.received",
        "time": "2026-01-01T00:00:00Z",
    }
    headers = {f"cloudEvents_{name}": None for name in names} | {
        prefix + key: value for key, value in given.items()
    }
    async with analyzer.service:
        await wire.send("rca.received", finding.model_dump_json().encode(), headers=headers)
        event = await wire.expect(RcaAnalyzed)
    assert event.remediation_id == ids.remediation_id("detector", "7")


@pytest.mark.parametrize("encoded", [False, True])
async def test_a_structured_cloudevent_is_read_and_its_data_digested(
    analyzer, wire, finding, encoded
) -> None:
    data = finding.model_dump(mode="json")
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    document = {"specversion": "1.0", "id": "s1", "source": "detector", "type": "rca.received"}
    document |= {"data_base64": base64.b64encode(canonical).decode()} if encoded else {"data": data}
    async with analyzer.service:
        await wire.send(
            "rca.received",
            json.dumps(document).encode(),
            headers={f"cloudEvents_{n}": None for n in ("specversion", "id", "source", "type", "time")},
            content_type="application/cloudevents+json; charset=utf-8",
        )
        event = await wire.expect(RcaAnalyzed)
    assert event.remediation_id == ids.remediation_id("detector", "s1")
    assert event.causation_digest == ids.sha256(canonical)


async def test_the_same_event_twice_has_one_effect_and_one_id_and_body(analyzer, wire, finding) -> None:
    async with analyzer.service:
        for _ in range(2):
            await wire.publish(finding, id="1", source="detector")
            await wire.expect(RcaAnalyzed)
        count = await analyzer.service.store.collection("analyses").count_documents({})
    assert count == 1
    first, second = wire.seen(RcaAnalyzed)
    assert (first.id, first.body) == (second.id, second.body)
    assert await wire.dead_letters() == []


async def test_a_crowd_of_events_and_duplicates_all_arrive(analyzer, wire, finding) -> None:
    async with analyzer.service:
        await asyncio.gather(*(wire.publish(finding, id=str(n % 150), source="detector") for n in range(200)))
        for number in range(150):
            await wire.expect(RcaAnalyzed, remediation_id=ids.remediation_id("detector", str(number)))
    assert len({seen.id for seen in wire.seen(RcaAnalyzed)}) == 150


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"cloudEvents_id": None}, "id"),
        ({"cloudEvents_source": None}, "source"),
        ({"cloudEvents_type": None}, "type"),
        ({"cloudEvents_specversion": "0.3"}, "specversion"),
        ({"cloudEvents_time": "yesterday"}, "time"),
        ({"cloudEvents_id": "x" * 300}, "id"),
        ({"cloudEvents_id": 5}, "id"),
        ({"cloudEvents_type": "vulnerability.reported"}, "type"),
    ],
)
async def test_a_wrong_attribute_is_named(analyzer, wire, finding, one_dead_letter, headers, field) -> None:
    async with analyzer.service:
        await wire.send("rca.received", finding.model_dump_json().encode(), headers=headers)
        dead = await one_dead_letter()
    assert dead.headers["suture_dead_field"] == field
    assert dead.headers["suture_dead_remedy"]
    assert dead.headers["suture_dead_origin"] == "analyzer.rca.received"


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        (b"{", "body", "JSON"),
        (b"\xff\xfe", "body", "JSON"),
        (b"[]", "body", "object"),
        (b"{}", "anomaly_id", "required"),
        (b'{"anomaly_id": {"a": 1}}', "anomaly_id", "string"),
        (b"x" * (MAX_MESSAGE_BYTES + 1), "body", str(MAX_MESSAGE_BYTES)),
    ],
)
async def test_a_bad_body_is_named(analyzer, wire, one_dead_letter, body, field, reason) -> None:
    async with analyzer.service:
        await wire.send("rca.received", body)
        dead = await one_dead_letter()
    assert dead.headers["suture_dead_field"] == field
    assert reason in dead.headers["suture_dead_reason"]
    assert dead.headers["suture_dead_error"] == "PermanentError"
    assert dead.body == body


async def test_a_nul_byte_is_refused(analyzer, wire, finding, one_dead_letter) -> None:
    body = finding.model_copy(update={"root_cause_details": "a\x00b"}).model_dump_json().encode()
    async with analyzer.service:
        await wire.send("rca.received", body)
        dead = await one_dead_letter()
    assert dead.headers["suture_dead_field"] == "root_cause_details"
    assert "NUL" in dead.headers["suture_dead_reason"]


async def test_headers_that_would_not_fit_beside_ours_are_dropped(analyzer, wire, one_dead_letter) -> None:
    huge = {f"h{number}": "x" * 1000 for number in range(100)}
    async with analyzer.service:
        await wire.send("rca.received", b"{", headers=huge)
        dead = await one_dead_letter()
    assert dead.headers["suture_headers_dropped"] > 100
    assert dead.headers["suture_dead_field"] == "body"


@pytest.mark.parametrize("signer", [None, "generator", "supervisor"])
async def test_an_event_from_anybody_but_its_publisher_is_refused(
    settings_for, wire, one_dead_letter, signer
) -> None:
    service = Service("validator", settings_for("validator"))
    handled = []

    async def on_script_generated(received) -> None:
        handled.append(received)

    service.on(ScriptGenerated, on_script_generated)
    event = example("script.generated")
    async with service:
        body = event.model_dump_json().encode()
        forger = "validator" if signer == "generator" else signer
        await wire.send("script.generated", body, as_=forger, id="forged")
        dead = await one_dead_letter()
        assert handled == []
        await wire.send("script.generated", body, as_="generator", id="genuine")
        await eventually(lambda: handled and wire.seen(ScriptGenerated))
        metrics = service.metrics.render().decode()
    assert dead.headers["suture_dead_error"] == "Forged"
    assert handled[0].signer == "generator"
    assert 'suture_forged_total{type="script.generated"} 1.0' in metrics


async def test_a_signature_over_other_bytes_is_refused(settings_for, wire, trust, one_dead_letter) -> None:
    service = Service("validator", settings_for("validator"))

    async def on_script_generated(received) -> None:
        raise AssertionError("not reached")

    service.on(ScriptGenerated, on_script_generated)
    body = example("script.generated").model_dump_json().encode()
    attributes = {"id": "1", "source": "suture/stranger", "type": "script.generated"}
    other = sign_message(trust.signer("generator"), **attributes, digest=ids.sha256(body + b" "))
    async with service:
        await wire.send("script.generated", body, headers={"suture_signature": other})
        dead = await one_dead_letter()
    assert dead.headers["suture_dead_error"] == "Forged"


@pytest.mark.parametrize("attribute", ["id", "source"])
async def test_a_genuine_event_that_a_stranger_sends_again_as_another_one_is_forged(
    settings_for, wire, one_dead_letter, attribute
) -> None:
    service = Service("validator", settings_for("validator"))
    handled = []

    async def on_script_generated(received) -> None:
        handled.append(received)

    service.on(ScriptGenerated, on_script_generated)
    async with service:
        await wire.publish(example("script.generated"), as_="generator", id="genuine")
        await eventually(lambda: handled and wire.seen(ScriptGenerated))
        (seen,) = wire.seen(ScriptGenerated)
        headers = {**seen.headers, f"cloudEvents_{attribute}": "another"}
        await wire.send("script.generated", seen.body, headers=headers)
        dead = await one_dead_letter()
        assert len(handled) == 1
        assert 'suture_forged_total{type="script.generated"} 1.0' in service.metrics.render().decode()
    assert dead.headers["suture_dead_error"] == "Forged"
    assert dead.headers["suture_dead_field"] == "signature"


async def test_a_permanent_error_is_dead_at_once_with_why(analyzer, wire, finding, one_dead_letter) -> None:
    async def refuse(received) -> None:
        raise PermanentError("no such category", field="root_cause_category", remedy="use a known one")

    analyzer.before = refuse
    async with analyzer.service:
        await wire.publish(finding, id="1", source="detector")
        dead = await one_dead_letter()
    headers = dead.headers
    assert headers["suture_dead_reason"] == "no such category"
    assert headers["suture_dead_field"] == "root_cause_category"
    assert headers["suture_dead_remedy"] == "use a known one"
    assert "in refuse" in headers["suture_dead_stack"]
    assert headers["suture_dead_at"].startswith("20")
    assert headers["suture_routing_key"] == "rca.received"
    assert (dead.id, dead.source) == ("1", "detector")
    assert dead.body == finding.model_dump_json().encode()


@pytest.mark.parametrize("error", [TemporaryError("the model is busy"), KeyError("surprise")])
async def test_another_error_is_tried_again_after_five_seconds(analyzer, wire, finding, error) -> None:
    async def fail_once(received) -> None:
        if received.attempt == 0:
            raise error

    analyzer.before = fail_once
    async with analyzer.service:
        await wire.publish(finding, id="1", source="detector")
        await wire.expect(RcaAnalyzed, timeout=15)
    first, second = analyzer.handled
    assert (first.attempt, second.attempt) == (0, 1)
    assert (first.id, first.digest) == (second.id, second.digest)
    assert await wire.dead_letters() == []


@pytest.mark.parametrize("attempt", [3, 99, "many"])
async def test_when_the_delays_are_used_up_it_is_dead(
    analyzer, wire, finding, one_dead_letter, attempt
) -> None:
    async def fail(received) -> None:
        raise TemporaryError("still busy")

    analyzer.before = fail
    async with analyzer.service:
        body = finding.model_dump_json().encode()
        await wire.send("rca.received", body, headers={"suture_attempt": attempt})
        dead = await one_dead_letter()
    assert dead.headers["suture_dead_reason"] == "still busy"


async def test_the_routing_key_must_be_the_type(analyzer, wire, finding, one_dead_letter) -> None:
    async with analyzer.service:
        queue = await wire.channel.get_queue("analyzer.rca.received", ensure=False)
        await queue.bind(EVENTS_EXCHANGE, "rca.other")
        exchange = await wire.channel.get_exchange(EVENTS_EXCHANGE, ensure=False)
        headers = {
            "cloudEvents_specversion": "1.0",
            "cloudEvents_id": "1",
            "cloudEvents_source": "detector",
            "cloudEvents_type": "rca.received",
        }
        message = aio_pika.Message(finding.model_dump_json().encode(), headers=headers)
        await exchange.publish(message, routing_key="rca.other")
        dead = await one_dead_letter()
    assert dead.headers["suture_dead_field"] == "routing_key"


async def test_the_journal_sees_every_event_and_only_genuine_ones(
    settings_for, wire, one_dead_letter
) -> None:
    gateway = Service("gateway", settings_for("gateway"))
    seen = []

    async def on_event(received) -> None:
        seen.append((received.type, received.signer))

    gateway.on_every_event(on_event)
    async with gateway:
        for message_type, message in EVENTS.items():
            await wire.publish(example(message.TYPE), as_=PUBLISHERS.get(message_type))
        await eventually(lambda: len(seen) == len(EVENTS))
        await wire.publish(example("script.approved"), as_="executor")
        dead = await one_dead_letter()
    assert dict(seen) == {message_type: PUBLISHERS.get(message_type) for message_type in EVENTS}
    assert dead.headers["suture_dead_error"] == "Forged"
    assert dead.headers["suture_dead_origin"] == "gateway.journal"
