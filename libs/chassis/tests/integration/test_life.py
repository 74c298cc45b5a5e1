"""Start, background work, tracing, stop."""

from __future__ import annotations

import asyncio
import json

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from suture_chassis.app import Service
from suture_chassis.telemetry import Telemetry
from suture_contracts.events import RcaAnalyzed
from suture_contracts.findings import RcaReceived
from suture_testkit.waiting import eventually


async def test_hooks_run_before_the_first_message(analyzer, wire, finding) -> None:
    order = []

    async def seed() -> None:
        order.append("hook")

    async def handled(received) -> None:
        order.append("message")

    analyzer.service.on_start(seed)
    analyzer.before = handled
    async with analyzer.service:
        await wire.publish(finding, id="1", source="detector")
        await wire.expect(RcaAnalyzed)
    assert order == ["hook", "message"]


async def test_a_background_loop_that_fails_starts_again(analyzer) -> None:
    runs = []

    async def loop() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise RuntimeError("once")
        await asyncio.Event().wait()

    analyzer.service.background("loop", loop)
    async with analyzer.service:
        await eventually(lambda: len(runs) == 2)


async def test_a_handler_that_runs_finishes_before_the_stop(analyzer, wire, finding) -> None:
    started = asyncio.Event()

    async def slow(received) -> None:
        started.set()
        await asyncio.sleep(1)

    analyzer.before = slow
    async with analyzer.service:
        await wire.publish(finding, id="1", source="detector")
        await started.wait()
    await wire.expect(RcaAnalyzed)
    queue = await wire.channel.declare_queue("analyzer.rca.received", passive=True)
    assert queue.declaration_result.message_count == 0


async def test_a_start_that_fails_leaves_nothing_open(analyzer) -> None:
    async def fail() -> None:
        raise RuntimeError("no seed")

    analyzer.service.on_start(fail)
    with pytest.raises(RuntimeError, match="no seed"):
        await analyzer.service.start()
    await analyzer.service.stop()


def test_a_queue_that_is_not_the_services_is_refused(settings_for) -> None:
    async def handler(received) -> None:
        return None

    with pytest.raises(ValueError, match="not a queue of validator"):
        Service("validator", settings_for("validator")).on(RcaReceived, handler)


async def test_a_sampled_trace_has_a_span_for_the_hop_and_goes_on(make_analyzer, wire, finding) -> None:
    exporter = InMemorySpanExporter()
    analyzer = make_analyzer(telemetry=Telemetry("analyzer", exporter=exporter))
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    incoming = f"00-{trace_id}-b7ad6b7169203331-01"
    async with analyzer.service:
        body = finding.model_dump_json().encode()
        await wire.send("rca.received", body, headers={"traceparent": incoming})
        await wire.expect(RcaAnalyzed)
        await eventually(lambda: len(exporter.get_finished_spans()) >= 2)
    consumer, producer = sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)
    assert consumer.name == "analyzer.rca.received process"
    assert producer.name == "rca.analyzed publish"
    assert f"{consumer.get_span_context().trace_id:032x}" == trace_id
    assert consumer.parent.span_id == 0xB7AD6B7169203331
    assert producer.parent.span_id == consumer.get_span_context().span_id
    (seen,) = wire.seen(RcaAnalyzed)
    assert seen.headers["traceparent"] == f"00-{trace_id}-{producer.get_span_context().span_id:016x}-01"


async def test_a_trace_that_is_not_sampled_goes_on_without_spans(analyzer, wire, finding) -> None:
    incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    async with analyzer.service:
        body = finding.model_dump_json().encode()
        await wire.send("rca.received", body, headers={"traceparent": incoming})
        await wire.expect(RcaAnalyzed)
    (seen,) = wire.seen(RcaAnalyzed)
    assert seen.headers["traceparent"] == incoming


async def test_logs_name_remediation_and_trace_and_mask_secrets(make_analyzer, wire, finding, capfd) -> None:
    analyzer = make_analyzer(log_level="info")

    async def speak(received) -> None:
        analyzer.service.log.info("handling", api_key="sk-1", url="amqp://anna:pass@host/", note="plain")

    analyzer.before = speak
    async with analyzer.service:
        await wire.publish(finding, id="1", source="detector")
        await wire.expect(RcaAnalyzed)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line["event"] == "handling"]
    assert line["service"] == "analyzer"
    assert line["message_id"] == "1"
    assert line["type"] == "rca.received"
    assert len(line["trace_id"]) == 32
    assert (line["api_key"], line["url"], line["note"]) == ("***", "amqp://***@host/", "plain")
