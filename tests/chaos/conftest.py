"""Load for the kill tests: many findings over broken programs, and what must be true of them afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import pytest
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from suture_contracts import ids
from suture_contracts.topology import DEAD_QUEUE, EVENTS_EXCHANGE, SERVICES, work_queues

TARGETS = 50
SOURCE = "chaos"
_PATIENCE_SECONDS = 300
_TAP = "chaos.tap"
_AWAY = (*CONNECTION_EXCEPTIONS, aio_pika.exceptions.ChannelInvalidStateError, RuntimeError, TimeoutError)


class Load:
    """Sends ``count`` findings, four of them or so about each program, whatever dies meanwhile."""

    def __init__(self, system: Any, folder: Path, make_program: Any, count: int) -> None:
        self.system = system
        self.programs = [
            make_program(folder, f"chaos-{number}-{uuid4().hex[:6]}") for number in range(TARGETS)
        ]
        self.marks = [str(uuid4()) for _ in range(count)]
        self.messages: list[Any] = []

    async def prepare(self) -> None:
        """Register the programs, and keep a copy of every event from here on."""
        for program in self.programs:
            answer = await asyncio.to_thread(
                self.system.call, "operator", "POST", "/api/targets", program.target()
            )
            assert answer.status_code == 201, answer.text
        await self._on_broker(self._declare_tap)

    async def send(self, number: int) -> None:
        """Publish one finding until the broker confirms it, as a careful detector does."""
        mark = self.marks[number]
        finding = self.programs[number % TARGETS].finding(
            anomaly_id=mark, root_cause_details=f"Missing configuration file, case {mark}"
        )
        headers: dict[str, Any] = {
            "cloudEvents_specversion": "1.0",
            "cloudEvents_id": mark,
            "cloudEvents_source": SOURCE,
            "cloudEvents_type": "rca.received",
        }
        message = aio_pika.Message(
            json.dumps(finding).encode(),
            content_type="application/json",
            headers=headers,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )

        async def publish(channel: aio_pika.abc.AbstractChannel) -> None:
            exchange = await channel.get_exchange(EVENTS_EXCHANGE, ensure=False)
            await exchange.publish(message, "rca.received")

        await self._on_broker(publish)

    async def replay_everything(self, order: Callable[[list[Any]], None]) -> int:
        """Publish every event that was seen once more, byte for byte, in an order of one's own."""
        seen = list(self.messages)
        order(seen)

        async def publish(channel: aio_pika.abc.AbstractChannel) -> None:
            exchange = await channel.get_exchange(EVENTS_EXCHANGE, ensure=False)
            for message in seen:
                again = aio_pika.Message(
                    message.body,
                    content_type=message.content_type,
                    headers=dict(message.headers),
                    message_id=message.message_id,
                    delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                )
                await exchange.publish(again, message.routing_key)

        await self._on_broker(publish)
        return len(seen)

    async def until_queues_are_empty(self) -> None:
        """Every service has taken what was in its queues; what it does with it shows in ``check``."""
        names = [queue.name for service in SERVICES for queue in work_queues(service)]

        async def count(channel: aio_pika.abc.AbstractChannel) -> int:
            queues = [await channel.declare_queue(name, passive=True) for name in names]
            return sum(queue.declaration_result.message_count or 0 for queue in queues)

        deadline = time.monotonic() + _PATIENCE_SECONDS
        while left := await self._on_broker(count):
            assert time.monotonic() < deadline, f"{left} messages were not taken"
            await asyncio.sleep(0.5)

    def settled(self) -> dict[str, str]:
        """The state of each finding's remediation, once none moves any more."""
        waiting = {str(ids.remediation_id(SOURCE, mark)) for mark in self.marks}
        states: dict[str, str] = {}
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while left := waiting - states.keys():
            assert time.monotonic() < deadline, self._left(left)
            for id in list(left)[:50]:
                try:
                    state = self.system.remediation(id)["state"]
                except Exception:
                    time.sleep(0.5)
                    continue
                if state in self.system.terminal:
                    states[id] = state
            time.sleep(0.2)
        return states

    async def check(self) -> None:
        """One terminal state each, every program repaired by one body, nothing lost, nothing twice."""
        states = await asyncio.to_thread(self.settled)
        self.messages += await self._on_broker(self._drain_tap)
        # A redelivery repeats an event's id: what has the same id is one event.
        started = {
            (str(message.headers["cloudEvents_id"]), json.loads(message.body)["execution_id"])
            for message in self.messages
            if message.routing_key == "execution.started"
        }
        starts = Counter(execution for _, execution in started)
        claims = self._claims()
        print(f"\n{Counter(states.values())}")
        print(f"bodies that ran: {len(claims)}; most starts of one execution: {max(starts.values())}")
        assert len(states) == len(self.marks)
        assert set(states.values()) <= {"succeeded", "already_remediated"}
        for program in self.programs:
            assert program.config.read_bytes() == program.known_good.read_bytes()
        assert len(claims) == TARGETS
        assert max(starts.values()) == 1
        assert await self._on_broker(self._dead_letters) == []

    def _claims(self) -> list[str]:
        """The claim of every run that began, by execution and target."""
        begun = (self.system.stack.folder / "executor" / "claims").glob("*/*/body-started")
        return [f"{path.parts[-3]} {path.parts[-2]}" for path in begun]

    def _left(self, left: set[str]) -> str:
        return f"{len(left)} unfinished: {Counter(self.system.remediation(id)['state'] for id in left)}"

    async def _on_broker(self, act: Callable[[Any], Awaitable[Any]]) -> Any:
        """Does it on a channel with confirms, again and again until the broker is there for the whole."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                async with asyncio.timeout(60):
                    connection = await aio_pika.connect(self.system.stack.broker_url)
                    async with connection:
                        return await act(await connection.channel(publisher_confirms=True))
            except _AWAY:
                assert time.monotonic() < deadline, "the broker did not come back"
                await asyncio.sleep(0.5)

    async def _declare_tap(self, channel: aio_pika.abc.AbstractChannel) -> None:
        tap = await channel.declare_queue(_TAP, durable=True, arguments={"x-queue-type": "quorum"})
        await tap.bind(EVENTS_EXCHANGE, "#")

    async def _drain_tap(self, channel: aio_pika.abc.AbstractChannel) -> list[Any]:
        return await _drain(await channel.get_queue(_TAP, ensure=False))

    async def _dead_letters(self, channel: aio_pika.abc.AbstractChannel) -> list[Any]:
        found = await _drain(await channel.get_queue(DEAD_QUEUE, ensure=False))
        return [(letter.routing_key, letter.headers) for letter in found]


async def _drain(queue: aio_pika.abc.AbstractQueue) -> list[Any]:
    found: list[Any] = []
    while (message := await queue.get(no_ack=True, fail=False)) is not None:
        found.append(message)
    return found


@pytest.fixture
def make_load(tmp_path: Path, make_program: Any) -> Callable[[Any, int], Load]:
    """Load for a running system."""
    return lambda system, count: Load(system, tmp_path, make_program, count)
