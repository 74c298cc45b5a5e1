"""Looking at the dead letters, sending them back to where they came from, and dropping them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractRobustConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.exceptions import ChannelInvalidStateError
from suture_contracts import ids
from suture_contracts.topology import DEAD_QUEUE

from suture_chassis.errors import PermanentError, TemporaryError
from suture_chassis.failures import ATTEMPT, DEAD_PREFIX, ROUTING_KEY
from suture_chassis.publisher import Outgoing, Publisher

_MAX_LISTED = 500
_MAX_SEARCHED = 10_000
_MAX_HELD_BYTES = 64_000_000
_MAX_SHOWN = 100_000
_LOST = (*CONNECTION_EXCEPTIONS, ChannelInvalidStateError, ConnectionError, RuntimeError)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up. ``body`` is text, cut where it is long; ``size`` is in bytes."""

    id: str
    message_id: str | None
    type: str
    origin: str
    reason: str
    error: str
    field: str | None
    remedy: str | None
    at: str | None
    stack: str
    size: int
    body: str
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


Letters = list[DeadLetter]
Messages = list[AbstractIncomingMessage]


class DeadLetters:
    """The queue ``suture.dead-letters``. Looking takes messages and returns them: one look at a time."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._connection: AbstractRobustConnection | None = None
        self._lock = asyncio.Lock()

    def open(self, connection: AbstractRobustConnection) -> None:
        self._connection = connection

    async def list(self, limit: int = 100) -> Letters:
        """The oldest ones, at most 500. Raises ``TemporaryError`` when the broker is not there."""
        async with self._taken(min(limit, _MAX_LISTED)) as messages:
            return [_letter(message) for message in messages]

    async def show(self, id: str) -> DeadLetter:
        """Raises ``PermanentError`` with status 404 when it is not there."""
        async with self._found(id) as message:
            return _letter(message)

    async def replay(self, id: str) -> DeadLetter:
        """Back to the queue that it came from, its attempts forgotten; removed once the copy is confirmed."""
        async with self._found(id) as message:
            letter = _letter(message)
            await self._publisher.publish(_revived(message, letter.origin))
            await message.ack()
            return letter

    async def drop(self, id: str) -> DeadLetter:
        """Remove it for good."""
        async with self._found(id) as message:
            await message.ack()
            return _letter(message)

    @asynccontextmanager
    async def _found(self, id: str) -> AsyncIterator[AbstractIncomingMessage]:
        async with self._taken(_MAX_SEARCHED, until=id) as messages:
            if not messages or identify(messages[-1]) != id:
                raise PermanentError(
                    f"there is no dead letter {id[:60]!r}", field="id", remedy="list them", status=404
                )
            yield messages[-1]

    @asynccontextmanager
    async def _taken(self, limit: int, until: str | None = None) -> AsyncIterator[Messages]:
        if self._connection is None:
            raise TemporaryError("the broker is not connected")
        try:
            # Closing the channel returns whatever was not acked on it.
            async with self._lock, asyncio.timeout(30), _channel(self._connection) as channel:
                yield await _take(channel, limit, until)
        except _LOST as error:
            raise TemporaryError(f"the broker does not answer: {type(error).__name__}") from error
        except TimeoutError as error:
            raise TemporaryError("the broker did not answer in time") from error


@asynccontextmanager
async def _channel(connection: AbstractRobustConnection) -> AsyncIterator[AbstractChannel]:
    await connection.ready()
    channel = connection.channel()
    await channel.initialize()
    try:
        yield channel
    finally:
        await channel.close()


async def _take(channel: AbstractChannel, limit: int, until: str | None) -> Messages:
    queue = await channel.get_queue(DEAD_QUEUE)
    taken: Messages = []
    held = 0
    while len(taken) < limit and held < _MAX_HELD_BYTES:
        message = await queue.get(no_ack=False, fail=False)
        if message is None:
            break
        taken.append(message)
        held += len(message.body)
        if until is not None and identify(message) == until:
            break
    return taken


def identify(message: AbstractIncomingMessage) -> str:
    """A dead letter's id: the same message, given up at the same time in the same queue, has the same."""
    parts = (message.message_id, message.headers.get(DEAD_PREFIX + "at"), _origin(message))
    return ids.sha256(repr(parts).encode() + message.body)[:24]


def _origin(message: AbstractIncomingMessage) -> str:
    # What the broker itself gave up, after too many deliveries, has only the broker's headers.
    return str(
        message.headers.get(DEAD_PREFIX + "origin") or message.headers.get("x-first-death-queue") or ""
    )


def _letter(message: AbstractIncomingMessage) -> DeadLetter:
    headers = message.headers

    def text(name: str) -> str | None:
        value = headers.get(DEAD_PREFIX + name)
        return None if value is None else str(value)

    broker = f"the broker gave it up: {headers.get('x-first-death-reason', 'unknown')!s}"
    return DeadLetter(
        id=identify(message),
        message_id=message.message_id,
        type=str(headers.get("cloudEvents_type") or headers.get(ROUTING_KEY) or message.routing_key),
        origin=_origin(message),
        reason=text("reason") or broker,
        error=text("error") or "",
        field=text("field"),
        remedy=text("remedy"),
        at=text("at"),
        stack=text("stack") or "",
        size=len(message.body),
        body=message.body[:_MAX_SHOWN].decode("utf-8", "replace"),
        headers={
            key: str(value)[:1_000]
            for key, value in headers.items()
            if not key.startswith((DEAD_PREFIX, "x-delivery-count"))
        },
    )


def _revived(message: AbstractIncomingMessage, origin: str) -> Outgoing:
    if not origin:
        raise PermanentError(
            "the dead letter names no queue that it came from", field="origin", remedy="drop it"
        )
    headers: dict[str, Any] = {
        key: value
        for key, value in message.headers.items()
        if not key.startswith((DEAD_PREFIX, "x-")) and key != ATTEMPT
    }
    return Outgoing(
        "",
        origin,
        message.body,
        headers,
        message.message_id or "",
        content_type=message.content_type or "application/json",
        correlation_id=message.correlation_id,
    )
