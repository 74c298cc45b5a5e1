"""Declares what stands on the broker."""

from __future__ import annotations

import asyncio

from aio_pika.abc import AbstractRobustConnection
from aiormq.abc import AbstractChannel
from suture_contracts import topology

_CHANNELS = 4


async def declare_topology(connection: AbstractRobustConnection) -> None:
    """Every exchange, queue and binding of the topology; what is there already stays.

    Goes past FastStream's declarer: a queue that it has declared once is afterwards consumed on the channel
    of that declaration, not on its subscriber's own.
    """
    await connection.ready()
    if connection.transport is None:
        raise ConnectionError("the broker is not connected")
    channels = [
        await connection.transport.connection.channel(publisher_confirms=False) for _ in range(_CHANNELS)
    ]
    try:
        for exchange in topology.exchanges():
            await channels[0].exchange_declare(exchange.name, exchange_type=exchange.type, durable=True)
        queues = topology.queues()
        # A new quorum queue takes the broker some 10 ms: several at once halve the start on an empty one.
        parts = (_declare(channel, queues[number::_CHANNELS]) for number, channel in enumerate(channels))
        await asyncio.gather(*parts)
    finally:
        for channel in channels:
            await channel.close()


async def _declare(channel: AbstractChannel, queues: tuple[topology.Queue, ...]) -> None:
    for queue in queues:
        await channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
        for source, key in queue.bindings:
            await channel.queue_bind(queue.name, source, key)
