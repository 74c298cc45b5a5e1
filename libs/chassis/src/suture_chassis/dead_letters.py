"""Looking at the dead letters, sending them back to where they came from, and dropping them."""

from __future__ import annotations

import asyncio
import dataclasses
from bisect import insort
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from operator import itemgetter
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
_LOOK_SECONDS = 30
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


@dataclass(frozen=True, slots=True)
class Page:
    """The oldest letters first; ``next`` is the ``after`` of the next page, None on the last."""

    letters: list[DeadLetter]
    next: str | None


class DeadLetters:
    """The queue ``suture.dead-letters``. Looking takes messages and returns them: one look at a time."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._connection: AbstractRobustConnection | None = None
        self._lock = asyncio.Lock()

    def open(self, connection: AbstractRobustConnection) -> None:
        self._connection = connection

    async def list(self, limit: int = 100, *, after: str = "", begins: str = "") -> Page:
        """The oldest ones, at most 500; ``after`` is the ``next`` of the page before.

        ``begins``: only those whose id begins so. Raises ``TemporaryError`` when the broker is not there.
        """
        limit, more = min(limit, _MAX_LISTED), False
        page: list[tuple[str, DeadLetter]] = []
        # All are looked at: the broker gives them in another order after each look.
        async with self._messages() as messages:
            async for message in messages:
                id = identify(message)
                key = f"{message.headers.get(DEAD_PREFIX + 'at') or ''!s}_{id}"
                if key <= after or not id.startswith(begins):
                    continue
                if len(page) == limit:
                    more = True
                    if key >= page[-1][0]:
                        continue
                insort(page, (key, _letter(message)), key=itemgetter(0))
                del page[limit:]
        return Page([letter for _, letter in page], page[-1][0] if more else None)

    async def show(self, id: str) -> DeadLetter:
        """Raises ``PermanentError`` with status 404 when it is not there."""
        async with self._messages() as messages:
            return _letter(await _find(messages, id))

    async def replay(self, id: str) -> DeadLetter:
        """Back to the queue that it came from, its attempts forgotten; removed once the copy is confirmed."""
        async with self._messages() as messages:
            message = await _find(messages, id)
            letter = _letter(message)
            await self._publisher.publish(_revived(message, letter.origin))
            await message.ack()
            return letter

    async def drop(self, id: str) -> DeadLetter:
        """Remove it for good."""
        async with self._messages() as messages:
            message = await _find(messages, id)
            await message.ack()
            return _letter(message)

    @asynccontextmanager
    async def _messages(self) -> AsyncIterator[AsyncIterator[AbstractIncomingMessage]]:
        """Every dead letter, one by one: what the caller does not keep is not kept."""
        if self._connection is None:
            raise TemporaryError("the broker is not connected")
        try:
            # Closing the channel returns whatever was not acked on it.
            async with self._lock, asyncio.timeout(_LOOK_SECONDS), _channel(self._connection) as channel:
                yield _each(channel)
        except _LOST as error:
            raise TemporaryError(f"the broker does not answer: {type(error).__name__}") from error
        except TimeoutError as error:
            raise TemporaryError(
                f"not all dead letters were read within {_LOOK_SECONDS} s; drop or replay some"
            ) from error


async def _each(channel: AbstractChannel) -> AsyncIterator[AbstractIncomingMessage]:
    queue = await channel.get_queue(DEAD_QUEUE)
    while (message := await queue.get(no_ack=False, fail=False)) is not None:
        yield message


async def _find(messages: AsyncIterator[AbstractIncomingMessage], id: str) -> AbstractIncomingMessage:
    async for message in messages:
        if identify(message) == id:
            return message
    raise PermanentError(f"there is no dead letter {id[:60]!r}", field="id", remedy="list them", status=404)


@asynccontextmanager
async def _channel(connection: AbstractRobustConnection) -> AsyncIterator[AbstractChannel]:
    await connection.ready()
    channel = connection.channel()
    await channel.initialize()
    try:
        yield channel
    finally:
        await channel.close()


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
