"""Liveness, readiness, metrics and AsyncAPI over HTTP."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from suture_chassis import consumers
from suture_chassis.app import Service
from suture_contracts.events import RcaAnalyzed
from suture_testkit.waiting import eventually


@pytest.fixture
async def http(analyzer):
    async with analyzer.service as service, httpx.AsyncClient() as client:
        client.base_url = httpx.URL(f"http://127.0.0.1:{service.health.port}")
        yield client


async def test_a_started_service_is_live_and_ready(http) -> None:
    assert (await http.get("/health/live")).json() == {"status": "live", "service": "analyzer"}
    ready = await http.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready", "service": "analyzer", "missing": []}


async def test_a_queue_that_was_deleted_is_named_and_made_again(http, wire, finding, monkeypatch) -> None:
    seen = asyncio.Event()
    declare = consumers.declare_topology

    async def once_it_was_seen(connection) -> None:
        await seen.wait()
        await declare(connection)

    monkeypatch.setattr(consumers, "declare_topology", once_it_was_seen)
    queue = await wire.channel.get_queue("analyzer.rca.received", ensure=False)
    await queue.delete(if_unused=False, if_empty=False)

    async def named() -> bool:
        answer = await http.get("/health/ready")
        return answer.status_code == 503 and answer.json()["missing"] == ["consumer analyzer.rca.received"]

    async def ready() -> bool:
        return (await http.get("/health/ready")).status_code == 200

    await eventually(named)
    seen.set()
    await eventually(ready, within=20)
    await wire.publish(finding, id="1", source="detector")
    await wire.expect(RcaAnalyzed)


async def test_a_store_that_does_not_answer_is_named(settings_for, free_port) -> None:
    service = Service("analyzer", settings_for("analyzer", store_url=f"mongodb://127.0.0.1:{free_port}/"))
    missing = await service.missing()
    assert missing == ["start", "broker", "store"]
    await service.store.close()


async def test_what_happened_is_counted(http, wire, finding) -> None:
    await wire.publish(finding, id="1", source="detector")
    await wire.expect(RcaAnalyzed)
    await wire.send("rca.received", b"{")

    async def counted() -> bool:
        text = (await http.get("/metrics")).text
        return all(
            line in text
            for line in (
                'suture_messages_total{result="done",type="rca.received"} 1.0',
                'suture_messages_total{result="dead",type="rca.received"} 1.0',
                'suture_dead_letters_total{type="rca.received"} 1.0',
                "suture_commit_batch_count 1.0",
                "suture_outbox_pending 0.0",
                'suture_handling_seconds_count{type="rca.received"} 2.0',
                "process_resident_memory_bytes",
            )
        )

    await eventually(counted)


async def test_an_alert_sees_the_first_forged_and_the_first_dead_message_too(http) -> None:
    text = (await http.get("/metrics")).text
    assert 'suture_forged_total{type="rca.received"} 0.0' in text
    assert 'suture_dead_letters_total{type="rca.received"} 0.0' in text


async def test_the_bus_is_described_as_far_as_the_service_touches_it(http) -> None:
    document = (await http.get("/asyncapi.json")).json()
    assert document["asyncapi"] == "3.0.0"
    assert "analyzer.consumes.rca.received" in document["operations"]
    assert "analyzer.publishes.rca.analyzed" in document["operations"]
    assert "anomaly_id" in document["components"]["messages"]["rca.received"]["payload"]["properties"]
    assert "script.approved" not in document["channels"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\n\r\n", 404),
        (b"POST /health/live HTTP/1.1\r\n\r\n", 405),
        (b"nonsense\r\n\r\n", 400),
    ],
)
async def test_another_request_gets_its_status(analyzer, http, request_, status) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", analyzer.service.health.port)
    writer.write(request_)
    line = await reader.readline()
    writer.close()
    assert line.split()[1] == str(status).encode()


async def test_a_request_without_end_is_cut_off(analyzer, http) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", analyzer.service.health.port)
    writer.write(b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 5_000)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()
    assert (await http.get("/health/live")).status_code == 200


async def test_an_asgi_application_is_served_beside(settings_for) -> None:
    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    gateway = Service("gateway", settings_for("gateway"))
    gateway.serve(app, "127.0.0.1", 0)
    async with gateway, httpx.AsyncClient() as client:
        await eventually(lambda: gateway.http.port)
        answer = await client.get(f"http://127.0.0.1:{gateway.http.port}/hello")
    assert answer.text == "/hello"
