"""A broker and a store for one test run: native processes or containers, behind one interface."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from suture_local.broker import Broker
from suture_local.management import Management
from suture_local.store import EmbeddedStore

BROKER_VARIABLE = "SUTURE_TEST_BROKER"
MANAGEMENT_VARIABLE = "SUTURE_TEST_MANAGEMENT"
STORE_VARIABLE = "SUTURE_TEST_STORE"
BACKEND_VARIABLE = "SUTURE_TEST_BACKEND"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers are; ``broker`` is the AMQP address of the virtual host ``/``."""

    broker: str
    management: str
    store: str

    def environment(self) -> dict[str, str]:
        """What tells other processes of the run to use these servers."""
        return {
            BROKER_VARIABLE: self.broker,
            MANAGEMENT_VARIABLE: self.management,
            STORE_VARIABLE: self.store,
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Addresses | None:
        names = (BROKER_VARIABLE, MANAGEMENT_VARIABLE, STORE_VARIABLE)
        if not all(environment.get(name) for name in names):
            return None
        return cls(*(environment[name] for name in names))

    def vhosts(self) -> Management:
        return Management(self.management, self.broker)


class Servers(Protocol):
    """What a backend does."""

    async def start(self) -> Addresses: ...

    async def stop(self) -> None: ...


class NativeServers:
    """RabbitMQ and the embedded store as child processes."""

    def __init__(self) -> None:
        self._broker = Broker()
        self._store = EmbeddedStore()

    async def start(self) -> Addresses:
        try:
            await asyncio.gather(self._broker.start(), self._store.start())
        except BaseException:
            await self.stop()
            raise
        return Addresses(self._broker.url, self._broker.management_url, self._store.url)

    async def stop(self) -> None:
        await asyncio.gather(self._broker.stop(), self._store.stop())


def choose_servers() -> Servers:
    """By ``SUTURE_TEST_BACKEND``: ``native`` (default), ``containers``, or ``auto``: where Docker answers."""
    backend = os.environ.get(BACKEND_VARIABLE, "native")
    if backend not in ("native", "containers", "auto"):
        raise ValueError(f"{BACKEND_VARIABLE}={backend!r}: give native, containers or auto")
    if backend == "native":
        return NativeServers()
    from suture_testkit.containers import ContainerServers, docker_answers

    if docker_answers():
        return ContainerServers()
    if backend == "containers":
        raise RuntimeError(f"{BACKEND_VARIABLE}=containers, but no Docker engine answers")
    return NativeServers()
