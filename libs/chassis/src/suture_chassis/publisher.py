"""Publishing with confirms: many in flight on one channel, each repeated until the broker has it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import aiormq
from aio_pika.abc import AbstractRobustChannel, AbstractRobustConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, DeliveryError, PublishError
from aiormq.exceptions import ChannelInvalidStateError
from aiormq.exceptions import PublishError as UnroutableError
from pamqp.commands import Basic

from suture_chassis.errors import TemporaryError

_CONFIRM_SECONDS = 30.0
_MAX_IN_FLIGHT = 256
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LOST = (
    *CONNECTION_EXCEPTIONS,
    ChannelInvalidStateError,
    DeliveryError,
    asyncio.QueueFull,
    TimeoutError,
    ConnectionError,
    RuntimeError,
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message as it goes to the broker."""

    exchange: str
    routing_key: str
    body: bytes
    headers: Mapping[str, Any]
    message_id: str
    content_type: str = "application/json"
    correlation_id: str | None = None
    reply_to: str | None = None
    persistent: bool = True
    mandatory: bool = True

    def properties(self) -> Basic.Properties:
        return Basic.Properties(
            content_type=self.content_type,
            headers=dict(self.headers),
            delivery_mode=2 if self.persistent else 1,
            message_id=self.message_id,
            correlation_id=self.correlation_id,
            reply_to=self.reply_to,
        )


class Unroutable(TemporaryError):
    """No queue takes a message with that routing key."""


class Publisher:
    """A channel of its own, with confirms; ``observe`` gets the seconds that each took.

    ``declare`` makes what stands on the broker, for the case that it came back without it.
    """

    def __init__(
        self, observe: Callable[[float], None], declare: Callable[[AbstractRobustConnection], Awaitable[None]]
    ) -> None:
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel | None = None
        self._slots = asyncio.Semaphore(_MAX_IN_FLIGHT)
        self._observe = observe
        self._declare = declare
        self._closed = False

    async def open(self, connection: AbstractRobustConnection) -> None:
        self._connection = connection
        self._channel = connection.channel(publisher_confirms=True, on_return_raises=True)
        await self._channel.initialize()

    def close(self) -> None:
        """Repeat no more; the outbox has what was not confirmed."""
        self._closed = True

    async def publish(self, outgoing: Outgoing) -> None:
        """One attempt, confirmed. Raises ``Unroutable``, or ``TemporaryError`` without a broker."""
        started = time.perf_counter()
        async with self._slots:
            try:
                await self._send(outgoing)
            except (UnroutableError, PublishError) as error:
                raise Unroutable(
                    f"no queue takes {outgoing.routing_key!r} from {outgoing.exchange!r}"
                ) from error
            except _LOST as error:
                raise TemporaryError(f"the broker did not confirm: {error!r}") from error
        self._observe(time.perf_counter() - started)

    async def publish_until_confirmed(self, outgoing: Outgoing) -> None:
        """Repeats until the broker confirms; raises ``TemporaryError`` only after ``close``."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self.publish(outgoing)
            except TemporaryError as error:
                if self._closed:
                    raise
                await asyncio.sleep(pause)
                if isinstance(error, Unroutable):
                    await self._repair()
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _repair(self) -> None:
        with contextlib.suppress(*_LOST):
            if self._connection is not None:
                await self._declare(self._connection)

    async def _send(self, outgoing: Outgoing) -> None:
        if self._channel is None:
            raise ConnectionError("the publisher is not open")
        async with asyncio.timeout(_CONFIRM_SECONDS):
            await send(self._channel, outgoing)


async def send(channel: AbstractRobustChannel, outgoing: Outgoing) -> None:
    """Publish on a channel with confirms and await the confirm, not holding up others on the same channel.

    ``exchange.publish()`` would hold the channel until each message is drained. The underlying channel is
    another one after each reconnect, so that it is asked for every time.
    """
    underlay = cast(aiormq.Channel, await channel.get_underlay_channel())
    await underlay.basic_publish(
        outgoing.body,
        exchange=outgoing.exchange,
        routing_key=outgoing.routing_key,
        properties=outgoing.properties(),
        mandatory=outgoing.mandatory,
        wait=False,
    )
