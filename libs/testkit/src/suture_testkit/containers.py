"""The broker and the store as containers."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from suture_testkit.servers import Addresses

BROKER_IMAGE = "rabbitmq:4-management"
STORE_IMAGE = "mongo:8"
_AMQP, _MANAGEMENT, _MONGO = 5672, 15672, 27017
_READY_SECONDS = 120


def docker_answers() -> bool:
    try:
        DockerClient(timeout=10).client.ping()
    except Exception:  # the client raises errors of several libraries
        return False
    return True


class ContainerServers:
    """RabbitMQ and MongoDB in containers that end with ``stop``."""

    def __init__(self) -> None:
        self._password = secrets.token_urlsafe(16)
        self._broker = (
            DockerContainer(BROKER_IMAGE)
            .with_exposed_ports(_AMQP, _MANAGEMENT)
            .with_env("RABBITMQ_DEFAULT_USER", "suture")
            .with_env("RABBITMQ_DEFAULT_PASS", self._password)
        )
        self._store = DockerContainer(STORE_IMAGE).with_exposed_ports(_MONGO)

    async def start(self) -> Addresses:
        try:
            await asyncio.gather(asyncio.to_thread(self._broker.start), asyncio.to_thread(self._store.start))
            addresses = self._addresses()
            await asyncio.gather(
                _until(lambda: addresses.vhosts().listens(_AMQP)), _until(lambda: _pings(addresses.store))
            )
        except BaseException:
            await self.stop()
            raise
        return addresses

    async def stop(self) -> None:
        for container in (self._broker, self._store):
            with contextlib.suppress(Exception):
                await asyncio.to_thread(container.stop)

    def _addresses(self) -> Addresses:
        host = self._broker.get_container_host_ip()
        return Addresses(
            broker=f"amqp://suture:{self._password}@{host}:{self._broker.get_exposed_port(_AMQP)}/%2F",
            management=f"http://{host}:{self._broker.get_exposed_port(_MANAGEMENT)}",
            store=f"mongodb://{host}:{self._store.get_exposed_port(_MONGO)}"
            "/?retryWrites=false&journal=true&directConnection=true",
        )


async def _until(ready: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not await ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"a container was not ready within {_READY_SECONDS} s")
        await asyncio.sleep(0.2)


async def _pings(url: str) -> bool:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(url, serverSelectionTimeoutMS=500)
    try:
        await client.admin.command("ping")
    except PyMongoError:
        return False
    finally:
        await client.close()
    return True
