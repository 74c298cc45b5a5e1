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

    def __init__(self, exchange: aio_pika.abc.AbstractExchange, api: httpx.AsyncClient, targets: int) -> None:
        self._exchange = exchange
        self._api = api
        self._targets = targets
        self._sent = 0
        self._waiting: dict[str, asyncio.Future[str]] = {}

    async def drive(self, count: int, in_flight: int) -> float:
        """Sends ``count`` findings, waits for all; returns seconds. Raises if one did not succeed."""
        started = time.perf_counter()
        numbers = iter(range(count))
        senders = [asyncio.create_task(self._keep_sending(numbers)) for _ in range(min(in_flight, count))]
        try:
            await asyncio.gather(*senders)
        finally:
            for sender in senders:
                sender.cancel()
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
            stuck = await self._where(remediation_id)
            raise RuntimeError(f"{remediation_id} did not end within {PATIENCE_SECONDS} s: {stuck}") from None
        if ended != "succeeded":
            raise RuntimeError(f"{remediation_id} ended as {ended}")

    async def _where(self, remediation_id: str) -> str:
        found = (await self._api.get(f"/api/remediations/{remediation_id}")).json()
        letters = (await self._api.get("/api/dead-letters")).json().get("dead_letters", [])
        reasons = {f"{letter['origin']}: {letter['reason']}" for letter in letters}
        return (
            f"{found.get('state')}, {found.get('error')}; {len(letters)} dead letters: {sorted(reasons)[:3]}"
        )

    def on_execution_completed(self, body: bytes) -> None:
        completed = json.loads(body)
        waiting = self._waiting.pop(completed["remediation_id"], None)
        # A redelivered event has nobody waiting any more.
        if waiting is not None and not waiting.done():
            waiting.set_result(completed["outcome"])


@asynccontextmanager
async def driving(stack: Stack, folder: Path, targets: int) -> AsyncIterator[Driver]:
    """A driver with ``targets`` targets registered over HTTP."""
    headers = {"Authorization": f"Bearer {stack.tokens['operator']}"}
    healthy = await asyncio.start_server(_answer, "127.0.0.1", 0)
    health_url = f"http://127.0.0.1:{healthy.sockets[0].getsockname()[1]}/health"
    connection = await aio_pika.connect(stack.broker_url)
    async with (
        healthy,
        connection,
        httpx.AsyncClient(base_url=stack.api_url, headers=headers, timeout=30, trust_env=False) as api,
    ):
        for number in range(targets):
            await _register(api, target(number, folder, health_url))
        sending = await connection.channel(publisher_confirms=True)
        receiving = await connection.channel()
        await receiving.set_qos(prefetch_count=200)
        queue = await receiving.declare_queue(exclusive=True, auto_delete=True)
        await queue.bind(EVENTS_EXCHANGE, ExecutionCompleted.TYPE)
        driver = Driver(await sending.get_exchange(EVENTS_EXCHANGE), api, targets)

        async def receive(incoming: aio_pika.abc.AbstractIncomingMessage) -> None:
            driver.on_execution_completed(incoming.body)

        await queue.consume(receive, no_ack=True)
        yield driver


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The targets' services are well: what is measured is the way there."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def _register(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    while True:
        answer = await client.post("/api/targets", json=document)
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            answer.raise_for_status()
            return
        await asyncio.sleep(0.5)
