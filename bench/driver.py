"""Publishes findings with a bounded number in flight and sees their ``execution.completed``."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import httpx
from suture_contracts import ids
from suture_contracts.events import ExecutionCompleted
from suture_contracts.findings import RcaReceived
from suture_contracts.topology import EVENTS_EXCHANGE
from suture_local.stack import Stack

from bench.findings import SOURCE, finding, message, target

PATIENCE_SECONDS = 60


class Driver:
    """Knows ``targets`` registered targets and sends one finding after another, round about them."""

    def __init__(self, exchange: aio_pika.abc.AbstractExchange, targets: int) -> None:
        self._exchange = exchange
        self._targets = targets
        self._sent = 0
        self._waiting: dict[str, asyncio.Future[str]] = {}

    async def drive(self, count: int, in_flight: int) -> float:
        """Sends ``count`` findings, waits for all; returns seconds. Raises if one did not succeed."""
        started = time.perf_counter()
        numbers = iter(range(count))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(in_flight, count)):
                group.create_task(self._keep_sending(numbers))
        return time.perf_counter() - started

    async def one_after_another(self, count: int) -> list[float]:
        """Seconds of each of ``count`` remediations, none of which waits for another."""
        return [await self.drive(1, 1) for _ in range(count)]

    async def _keep_sending(self, numbers: Any) -> None:
        for _ in numbers:
            await self._remediate()

    async def _remediate(self) -> None:
        self._sent += 1
        event_id = uuid4().hex
        remediation_id = str(ids.remediation_id(SOURCE, event_id))
        outcome = self._waiting[remediation_id] = asyncio.get_running_loop().create_future()
        content = finding(self._sent, self._sent % self._targets)
        await self._exchange.publish(message(event_id, content), RcaReceived.TYPE, mandatory=True)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                ended = await outcome
        except TimeoutError:
            raise RuntimeError(f"{remediation_id} did not end within {PATIENCE_SECONDS} s") from None
        if ended != "succeeded":
            raise RuntimeError(f"{remediation_id} ended as {ended}")

    def on_execution_completed(self, body: bytes) -> None:
        completed = json.loads(body)
        waiting = self._waiting.pop(completed["remediation_id"], None)
        # A redelivered event has nobody waiting any more.
        if waiting is not None and not waiting.done():
            waiting.set_result(completed["outcome"])


@asynccontextmanager
async def driving(stack: Stack, folder: Path, targets: int) -> AsyncIterator[Driver]:
    """A driver with ``targets`` targets registered over HTTP."""
    await _register(stack, folder, targets)
    connection = await aio_pika.connect(stack.broker_url)
    async with connection:
        sending = await connection.channel(publisher_confirms=True)
        receiving = await connection.channel()
        await receiving.set_qos(prefetch_count=200)
        queue = await receiving.declare_queue(exclusive=True, auto_delete=True)
        await queue.bind(EVENTS_EXCHANGE, ExecutionCompleted.TYPE)
        driver = Driver(await sending.get_exchange(EVENTS_EXCHANGE), targets)

        async def receive(incoming: aio_pika.abc.AbstractIncomingMessage) -> None:
            driver.on_execution_completed(incoming.body)

        await queue.consume(receive, no_ack=True)
        yield driver


async def _register(stack: Stack, folder: Path, targets: int) -> None:
    headers = {"Authorization": f"Bearer {stack.tokens['operator']}"}
    async with httpx.AsyncClient(
        base_url=stack.api_url, headers=headers, timeout=30, trust_env=False
    ) as client:
        for number in range(targets):
            await _register_one(client, target(number, folder))


async def _register_one(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    while True:
        answer = await client.post("/api/targets", json=document)
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            answer.raise_for_status()
            return
        await asyncio.sleep(0.5)
