"""The ``wire`` fixture: what stands outside a service sees it through aio-pika and CloudEvents alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from suture_chassis.custody import Signer, sign_message
from suture_contracts import ids, topology
from suture_contracts.base import Command, Event, Reply
from suture_contracts.custody import SIGNATURE_HEADER

E = TypeVar("E", bound=Event)
_REPLY_TO = "amq.rabbitmq.reply-to"


@dataclass(frozen=True, slots=True)
class Seen:
    """One message that was seen: an event, or a dead letter with why it died in ``headers``."""

    type: str
    id: str
    source: str
    headers: Mapping[str, Any]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        parsed = json.loads(self.body)
        return parsed if isinstance(parsed, dict) else {"value": parsed}


class Wire:
    """Publishes, and sees every event of the exchange ``suture.events`` from ``open`` on."""

    def __init__(self, url: str, signer: Callable[[str], Signer]) -> None:
        self._url = url
        self._signer = signer
        self._seen: list[Seen] = []
        self._taken: set[int] = set()
        self._arrived = asyncio.Condition()
        self._replies: dict[str, asyncio.Future[bytes]] = {}

    async def open(self) -> None:
        self._connection: AbstractConnection = await aio_pika.connect(self._url)
        self.channel: AbstractChannel = await self._connection.channel(on_return_raises=True)
        for exchange in topology.exchanges():
            await self.channel.declare_exchange(exchange.name, exchange.type, durable=True)
        for queue in topology.other_queues():
            await self._declare(queue)
        tap = await self.channel.declare_queue(exclusive=True)
        await tap.bind(topology.EVENTS_EXCHANGE, "#")
        await tap.consume(self._on_event, no_ack=True)
        replies = await self.channel.get_queue(_REPLY_TO, ensure=False)
        await replies.consume(self._on_reply, no_ack=True)

    async def close(self) -> None:
        await self._connection.close()

    async def publish(
        self,
        message: Event | Command,
        as_: str | None = None,
        id: str | UUID | None = None,
        source: str | None = None,
    ) -> str:
        """Sends an event or a command, signed by ``as_`` (unsigned where ``None``); returns its id."""
        return await self.send(
            message.TYPE,
            message.model_dump_json().encode(),
            as_=as_,
            id=str(id or uuid4()),
            source=source or f"suture/{as_ or 'stranger'}",
            exchange=topology.COMMANDS_EXCHANGE if isinstance(message, Command) else topology.EVENTS_EXCHANGE,
        )

    async def send(
        self,
        message_type: str,
        body: bytes,
        *,
        as_: str | None = None,
        id: str = "1",
        source: str = "suture/stranger",
        exchange: str = topology.EVENTS_EXCHANGE,
        headers: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        reply: bool = False,
    ) -> str:
        """Any bytes under any headers; ``headers`` override, and a value ``None`` leaves one out."""
        attributes = {
            "cloudEvents_specversion": "1.0",
            "cloudEvents_id": id,
            "cloudEvents_source": source,
            "cloudEvents_type": message_type,
            "cloudEvents_time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        signed = {}
        if as_:
            digest = ids.sha256(body)
            signature = sign_message(
                self._signer(as_), id=id, source=source, type=message_type, digest=digest
            )
            signed[SIGNATURE_HEADER] = signature
        chosen = {**attributes, **signed, **(headers or {})}
        message = aio_pika.Message(
            body,
            headers={name: value for name, value in chosen.items() if value is not None},
            content_type=content_type,
            message_id=id,
            correlation_id=id if reply else None,
            reply_to=_REPLY_TO if reply else None,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        target = await self.channel.get_exchange(exchange, ensure=False)
        await target.publish(message, routing_key=message_type)
        return id

    async def expect(
        self,
        model: type[E],
        timeout: float = 15,  # noqa: ASYNC109
        remediation_id: UUID | str | None = None,
    ) -> E:
        """The oldest such event that was not taken yet. Raises ``AssertionError`` with what was seen."""
        try:
            async with asyncio.timeout(timeout), self._arrived:
                while True:
                    for index, seen in enumerate(self._seen):
                        if index not in self._taken and _matches(seen, model, remediation_id):
                            self._taken.add(index)
                            return model.model_validate_json(seen.body)
                    await self._arrived.wait()
        except TimeoutError:
            types = ", ".join(seen.type for seen in self._seen) or "nothing"
            raise AssertionError(f"no {model.TYPE} within {timeout} s; seen: {types}") from None

    def seen(self, model: type[Event] | None = None, remediation_id: UUID | str | None = None) -> list[Seen]:
        """Every event so far, of that type and remediation where given; takes none."""
        return [seen for seen in self._seen if model is None or _matches(seen, model, remediation_id)]

    async def request(
        self,
        command: Command,
        as_: str = "gateway",
        timeout: float = 15,  # noqa: ASYNC109
    ) -> Reply:
        """Sends a command and waits for its owner's answer. Raises ``TimeoutError``."""
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        id = str(uuid4())
        self._replies[id] = answered
        try:
            await self.send(
                command.TYPE,
                command.model_dump_json().encode(),
                as_=as_,
                id=id,
                source=f"suture/{as_}",
                exchange=topology.COMMANDS_EXCHANGE,
                reply=True,
            )
            async with asyncio.timeout(timeout):
                return Reply.model_validate_json(await answered)
        finally:
            del self._replies[id]

    async def dead_letters(self) -> list[Seen]:
        """Takes everything out of ``suture.dead-letters``."""
        return await self.drain(topology.DEAD_QUEUE)

    async def drain(self, queue_name: str) -> list[Seen]:
        """Takes everything out of a queue."""
        queue = await self.channel.get_queue(queue_name, ensure=False)
        found = []
        while (message := await queue.get(no_ack=True, fail=False)) is not None:
            found.append(_seen(message))
        return found

    async def _declare(self, queue: topology.Queue) -> None:
        declared = await self.channel.declare_queue(queue.name, durable=True, arguments=queue.arguments)
        for exchange, key in queue.bindings:
            await declared.bind(exchange, key)

    async def _on_event(self, message: AbstractIncomingMessage) -> None:
        async with self._arrived:
            self._seen.append(_seen(message))
            self._arrived.notify_all()

    async def _on_reply(self, message: AbstractIncomingMessage) -> None:
        waiting = self._replies.get(message.correlation_id or "")
        if waiting is not None and not waiting.done():
            waiting.set_result(message.body)


def _seen(message: AbstractIncomingMessage) -> Seen:
    headers = dict(message.headers)

    def attribute(name: str) -> str:
        return str(headers.get(f"cloudEvents_{name}", ""))

    kind = attribute("type") or message.routing_key or ""
    return Seen(kind, attribute("id"), attribute("source"), headers, message.body)


def _matches(seen: Seen, model: type[Event], remediation_id: UUID | str | None) -> bool:
    if seen.type != model.TYPE:
        return False
    return remediation_id is None or seen.json.get("remediation_id") == str(remediation_id)
