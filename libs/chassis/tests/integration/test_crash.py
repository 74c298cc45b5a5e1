"""What kill -9 leaves behind is taken up by the next process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aio_pika
import httpx
import pytest
from pymongo import AsyncMongoClient
from suture_chassis.declare import declare_topology
from suture_contracts import ids
from suture_contracts.events import RcaAnalyzed
from suture_testkit.waiting import eventually

pytestmark = pytest.mark.chaos

_SCRIPT = Path(__file__).with_name("crashing_service.py")
Start = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def start(trust):
    """Starts the service in a process of its own; whatever still runs is killed afterwards."""
    started = []

    async def run(point: str, **changes: str) -> asyncio.subprocess.Process:
        environment = {**os.environ, **trust.environment("analyzer"), **changes}
        process = await asyncio.create_subprocess_exec(sys.executable, str(_SCRIPT), point, env=environment)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(port: int, probe: str) -> bool:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        with contextlib.suppress(httpx.TransportError):
            return (await http.get(f"/health/{probe}")).status_code == 200
    return False


async def test_an_event_of_no_message_is_published_by_the_next_process(start: Start, wire) -> None:
    process = await start("before the timer's publish")
    assert await process.wait() == -signal.SIGKILL
    assert wire.seen(RcaAnalyzed) == []
    await start("never")
    event = await wire.expect(RcaAnalyzed, timeout=60)
    assert event.remediation_id == ids.remediation_id("timer", "1")


@pytest.mark.parametrize("point", ["before the write", "before the publish", "before the ack"])
async def test_a_message_is_finished_by_the_next_process(
    start: Start, wire, finding, broker_url, point
) -> None:
    async with await aio_pika.connect_robust(broker_url) as connection:
        await declare_topology(connection)
    await wire.publish(finding, id="1", source="detector")
    process = await start(point)
    assert await process.wait() == -signal.SIGKILL
    assert len(wire.seen(RcaAnalyzed)) == (point == "before the ack")
    await start("never")
    remediation = ids.remediation_id("detector", "1")
    while len(wire.seen(RcaAnalyzed, remediation)) < 1 + (point == "before the ack"):
        await wire.expect(RcaAnalyzed, timeout=60, remediation_id=remediation)
    assert len({(seen.id, seen.body) for seen in wire.seen(RcaAnalyzed, remediation)}) == 1
    assert await wire.dead_letters() == []


async def test_another_instance_leaves_what_is_not_its_own(start: Start, wire, free_port) -> None:
    process = await start("before the timer's publish")
    await process.wait()
    await start("never", SUTURE_INSTANCE="1", SUTURE_HEALTH_PORT=str(free_port))
    await eventually(lambda: answers(free_port, "ready"), within=60)
    await asyncio.sleep(1)
    assert wire.seen(RcaAnalyzed) == []


async def test_what_an_instance_left_that_never_returns_is_published_by_another_once(
    start: Start, wire, store_url, database
) -> None:
    process = await start("before the timer's publish")
    assert await process.wait() == -signal.SIGKILL
    await start("never", SUTURE_INSTANCE="1", SUTURE_RETIRED_AFTER="2")
    event = await wire.expect(RcaAnalyzed, timeout=60)
    assert event.remediation_id == ids.remediation_id("timer", "1")
    async with AsyncMongoClient(store_url) as client:
        watermarks = client[database]["analyzer_watermarks"]

        async def is_swept() -> bool:
            return await watermarks.find_one({"_id": "0", "swept": True}) is not None

        await eventually(is_swept)
        await asyncio.sleep(4)
    assert len(wire.seen(RcaAnalyzed)) == 1


async def test_an_instance_that_lives_is_not_taken_for_a_retired_one(
    make_analyzer, store_url, database
) -> None:
    idle, other = (make_analyzer(instance=instance, retired_after=1.5).service for instance in "01")
    async with idle, other, AsyncMongoClient(store_url) as client:
        await asyncio.sleep(4)
        marks = await client[database]["analyzer_watermarks"].find().to_list()
    assert sorted(mark["_id"] for mark in marks if "swept" not in mark) == ["0", "1"]


async def test_the_watermark_moves_on_so_that_little_is_repeated(
    start: Start, wire, store_url, database, free_port
) -> None:
    process = await start("never")
    await wire.expect(RcaAnalyzed, timeout=60)
    async with AsyncMongoClient(store_url) as client:
        watermarks = client[database]["analyzer_watermarks"]
        analyses = client[database]["analyses"]
        stored = await analyses.find_one({"_id": "timer"})
        assert stored is not None
        at = stored["outbox"][0]["at"]

        async def passed() -> bool:
            found = await watermarks.find_one({"_id": "0"})
            return found is not None and found["at"] > at

        await eventually(passed)
    process.kill()
    await process.wait()
    await start("never", SUTURE_HEALTH_PORT=str(free_port))
    await eventually(lambda: answers(free_port, "ready"), within=60)
    await asyncio.sleep(1)
    assert len(wire.seen(RcaAnalyzed)) == 1


async def test_sigterm_ends_the_process_in_order(start: Start, wire, free_port) -> None:
    process = await start("never", SUTURE_HEALTH_PORT=str(free_port))
    await wire.expect(RcaAnalyzed, timeout=60)
    await eventually(lambda: answers(free_port, "ready"), within=60)
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_sigterm_ends_a_process_that_waits_for_its_broker(start: Start, free_port) -> None:
    process = await start(
        "never",
        SUTURE_BROKER_URL="amqp://guest:guest@127.0.0.1:1/",
        SUTURE_HEALTH_PORT=str(free_port),
    )

    await eventually(lambda: answers(free_port, "live"), within=60)
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 15) == 0


async def test_a_process_without_a_broker_gives_up_after_its_patience(start: Start, free_port) -> None:
    process = await start(
        "never",
        SUTURE_BROKER_URL=f"amqp://guest:guest@127.0.0.1:{free_port}/",
        SUTURE_BROKER_PATIENCE="2",
    )
    assert await asyncio.wait_for(process.wait(), 20) == 1
