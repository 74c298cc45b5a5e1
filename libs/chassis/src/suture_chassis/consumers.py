"""The broker connection and the consumers on it, by FastStream, without its dependency injection."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from aio_pika import RobustConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.exceptions import ChannelInvalidStateError
from faststream import AckPolicy
from faststream.message import StreamMessage
from faststream.rabbit import Channel, ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit.schemas.queue import QueueType
from faststream.rabbit.subscriber.usecase import RabbitSubscriber
from suture_contracts.topology import PREFETCH, Queue

from suture_chassis.declare import declare_topology
from suture_chassis.delivery import Delivery
from suture_chassis.properties import read_any_properties

_LOST = (*CONNECTION_EXCEPTIONS, ChannelInvalidStateError, RuntimeError)
_RECONNECT_SECONDS = 1.0
_MEND_SECONDS = 3.0


class Consumers:
    """One subscriber a queue, each with a channel and a prefetch of its own; acks are the delivery's."""

    def __init__(self, url: str, graceful_timeout: float) -> None:
        read_any_properties()
        self._broker = RabbitBroker(
            url,
            apply_types=False,
            serializer=None,
            logger=None,
            fail_fast=False,
            reconnect_interval=_RECONNECT_SECONDS,
            # What runs was waited for before, see drain.
            graceful_timeout=0.2,
            on_reconnected=[self._on_reconnected],
        )
        self._graceful_timeout = graceful_timeout
        self._connection: RobustConnection | None = None
        self._deliveries: list[tuple[RabbitSubscriber, Delivery]] = []

    @property
    def connected(self) -> bool:
        return self._connection is not None and self._connection.connected.is_set()

    async def connect(self) -> RobustConnection:
        """Waits for the broker as long as it takes, then declares the topology."""
        self._connection = await self._broker.connect()
        await declare_topology(self._connection)
        return self._connection

    def add(self, queue: Queue, delivery: Delivery) -> None:
        ((exchange, key),) = queue.bindings
        arguments: Any = {name: value for name, value in queue.arguments.items() if name != "x-queue-type"}
        subscriber = self._broker.subscriber(
            RabbitQueue(queue.name, QueueType.QUORUM, arguments=arguments, routing_key=key),
            RabbitExchange(exchange, ExchangeType.TOPIC),
            channel=Channel(prefetch_count=PREFETCH),
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            decoder=_raw,
            title=queue.name,
        )

        async def on_message(message: Any) -> None:
            await delivery(message)

        subscriber(on_message)
        self._deliveries.append((subscriber, delivery))

    async def start(self) -> None:
        for subscriber, _ in self._deliveries:
            # FastStream sets this only after the broker said yes to the consumer; what is delivered until
            # then would be neither handled nor acked.
            subscriber.running = True
        await self._broker.start()

    def missing(self) -> list[str]:
        """The queues that are not being consumed at this moment."""
        return [delivery.queue for subscriber, delivery in self._deliveries if not _consumes(subscriber)]

    async def mend(self) -> None:
        """Declares again what somebody deleted; the consumers find it then. Runs until cancelled."""
        while True:
            await asyncio.sleep(_MEND_SECONDS)
            if self._connection is not None and self.connected and self.missing():
                with contextlib.suppress(*_LOST):
                    await declare_topology(self._connection)

    async def drain(self) -> None:
        """Take no more messages, and wait (bounded) for the handlers of those that came."""
        for subscriber, _ in self._deliveries:
            with contextlib.suppress(*_LOST, TimeoutError):
                async with asyncio.timeout(1):
                    await _cancel(subscriber)
        until = time.monotonic() + self._graceful_timeout
        for _, delivery in self._deliveries:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(until - time.monotonic()):
                    await delivery.idle.wait()

    async def close(self) -> None:
        with contextlib.suppress(*_LOST, TimeoutError):
            async with asyncio.timeout(5):
                await self._broker.stop()

    async def _on_reconnected(self, *_: object) -> None:
        # A broker that came back empty gets everything again.
        if self._connection is not None:
            with contextlib.suppress(*_LOST):
                await declare_topology(self._connection)


async def _raw(message: StreamMessage[Any]) -> Any:
    return message.raw_message


def _consumes(subscriber: RabbitSubscriber) -> bool:
    queue, tag = subscriber._queue_obj, subscriber._consumer_tag
    if queue is None or tag is None or queue.channel.is_closed:
        return False
    underlay = getattr(queue.channel, "_channel", None)
    return underlay is not None and tag in underlay.channel.consumers


async def _cancel(subscriber: RabbitSubscriber) -> None:
    queue, tag = subscriber._queue_obj, subscriber._consumer_tag
    if queue is not None and tag is not None:
        subscriber._consumer_tag = None
        await queue.cancel(tag)
