"""Declares what stands on the broker."""

from __future__ import annotations

from aio_pika.abc import AbstractRobustConnection
from suture_contracts import topology


async def declare_topology(connection: AbstractRobustConnection) -> None:
    """Every exchange, queue and binding of the topology; what is there already stays.

    Goes past FastStream's declarer: a queue that it has declared once is afterwards consumed on the channel
    of that declaration, not on its subscriber's own.
    """
    await connection.ready()
    if connection.transport is None:
        raise ConnectionError("the broker is not connected")
    channel = await connection.transport.connection.channel(publisher_confirms=False)
    try:
        for exchange in topology.exchanges():
            await channel.exchange_declare(exchange.name, exchange_type=exchange.type, durable=True)
        for queue in topology.queues():
            await channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
            for source, key in queue.bindings:
                await channel.queue_bind(queue.name, source, key)
    finally:
        await channel.close()
