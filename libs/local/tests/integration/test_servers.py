import asyncio
import os
from contextlib import suppress
from pathlib import Path

import aio_pika
import httpx
import psutil
import pytest
from pymongo import AsyncMongoClient
from suture_local.broker import Broker
from suture_local.store import EmbeddedStore
from suture_testkit.waiting import eventually

pytestmark = pytest.mark.chaos

QUEUE = "kept-over-a-kill"


async def test_a_brokers_messages_survive_a_kill_and_it_leaves_nothing_running(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker")
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    await broker.start()
    try:
        await _publish(broker.url, b"kept")
        await eventually(lambda: broker.has_noted(QUEUE))
        broker.kill()
        await broker.restart()
        assert await _get(broker.url) == b"kept"
        async with httpx.AsyncClient(trust_env=False) as client:
            assert "rabbitmq_" in (await client.get(broker.metrics_url)).text
        started = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
        assert {"beam.smp", "epmd"} <= {process.name() for process in started}
    finally:
        await broker.stop()
    await eventually(lambda: not any(p.is_running() and p.status() != "zombie" for p in started))


async def test_a_virtual_host_can_be_made_used_and_removed(broker_url: str) -> None:
    await _publish(broker_url, b"here")
    assert await _get(broker_url) == b"here"


async def test_an_acknowledged_document_survives_a_kill(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    await store.start()
    try:
        async with AsyncMongoClient[dict[str, object]](store.url) as client:
            await client["database"]["documents"].insert_one({"_id": "kept"})
            store.kill()
            await store.restart()
            assert await client["database"]["documents"].find_one({}) == {"_id": "kept"}
    finally:
        await store.stop()
    assert not store.running


async def test_a_store_without_a_folder_leaves_nothing_on_disk() -> None:
    store = EmbeddedStore()
    await store.start()
    folder = psutil.Process(store.pid).cwd()
    assert os.path.isdir(folder)  # noqa: ASYNC240
    await store.stop()
    assert not os.path.exists(folder)  # noqa: ASYNC240


async def _publish(url: str, body: bytes) -> None:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key=QUEUE)


async def _get(url: str) -> bytes:
    # A quorum queue has no leader in the first moment after a restart, and answers nothing then.
    for _ in range(10):
        with suppress(TimeoutError):
            async with await aio_pika.connect(url) as connection:
                queue = await (await connection.channel()).get_queue(QUEUE)
                message = await queue.get(no_ack=True, fail=False, timeout=2)
                if message is not None:
                    return message.body
        await asyncio.sleep(0.2)
    raise AssertionError("the message is gone")
