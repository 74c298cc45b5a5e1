"""The whole system on this machine: broker, store and services, kept running."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from suture_contracts.topology import SERVICES

from suture_local.access import AccessKeys
from suture_local.broker import Broker
from suture_local.keys import KeyRing
from suture_local.ports import LOOPBACK, free_ports
from suture_local.processes import StartError
from suture_local.services import ServiceProcess
from suture_local.store import EmbeddedStore

_WATCH_SECONDS = 0.25
_QUICK_DEATH_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 1.5


class _Restartable(Protocol):
    @property
    def running(self) -> bool: ...

    async def restart(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """How a stack differs from the plain one.

    ``broker_url`` and ``store_url`` name servers that run already; without them the stack has its own.
    ``environment`` has further variables for a service by name, or for all under ``"*"``.
    """

    broker_url: str | None = None
    store_url: str | None = None
    database: str = "suture"
    services: Sequence[str] = SERVICES
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    keep_data: bool = True


class Stack:
    """Everything in ``folder``: keys, tokens, logs, the executor's state, broker's and store's data.

    Use it as ``async with Stack(folder) as stack``. A process that dies is started again on its port within
    two seconds; ``on_change`` is called after that.
    """

    def __init__(
        self, folder: Path, options: Options | None = None, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self.folder = folder
        self.options = options or Options()
        self.services: dict[str, ServiceProcess] = {}
        self.broker: Broker | None = None
        self.store: EmbeddedStore | None = None
        self._on_change = on_change
        self._watch: asyncio.Task[None] | None = None
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.keys = KeyRing(folder / "keys")
        self.access = AccessKeys(folder / "access")
        self._gateway_port = 0

    @property
    def api_url(self) -> str:
        return f"http://{LOOPBACK}:{self._gateway_port}"

    @property
    def tokens(self) -> Mapping[str, str]:
        """The API's bearer tokens, by principal."""
        return self.access.tokens

    @property
    def broker_url(self) -> str:
        if self.broker is not None:
            return self.broker.url
        return self.options.broker_url or ""

    @property
    def store_url(self) -> str:
        if self.store is not None:
            return self.store.url
        return self.options.store_url or ""

    async def __aenter__(self) -> Stack:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Returns when every service is ready. Raises ``StartError``; nothing is left running then."""
        try:
            await self._start_servers()
            await self.start_services()
        except BaseException:
            await self.stop()
            raise

    async def start_services(self) -> None:
        """Starts the services alone; returns when every one is ready."""
        names = self.options.services
        self._gateway_port, *health_ports = free_ports(len(names) + 1)
        for name, port in zip(names, health_ports, strict=True):
            log = self.folder / "log" / f"{name}.log"
            self.services[name] = ServiceProcess(name, self._environment(name), port, log)
            self.services[name].start()
        await _all_of(service.wait_until_ready() for service in self.services.values())
        self._watch = asyncio.create_task(self._keep_running())

    async def stop(self) -> None:
        """Ends everything that this stack started, services first."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await asyncio.gather(*(service.stop() for service in self.services.values()))
        servers = [server for server in (self.broker, self.store) if server is not None]
        await asyncio.gather(*(server.stop() for server in servers))

    async def _start_servers(self) -> None:
        starting = []
        keep = self.options.keep_data
        if self.options.broker_url is None:
            self.broker = Broker(self.folder / "broker" if keep else None)
            starting.append(self.broker.start())
        if self.options.store_url is None:
            self.store = EmbeddedStore(self.folder / "store" if keep else None)
            starting.append(self.store.start())
        await _all_of(starting)

    async def _keep_running(self) -> None:
        watched: list[_Restartable] = [*self.services.values()]
        watched += [server for server in (self.broker, self.store) if server is not None]
        async with asyncio.TaskGroup() as group:
            for process in watched:
                group.create_task(self._keep_one_running(process))

    async def _keep_one_running(self, process: _Restartable) -> None:
        started, pause = time.monotonic(), 0.0
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if process.running:
                continue
            # One that dies again and again must not take the processor from the others.
            quick = time.monotonic() - started < _QUICK_DEATH_SECONDS
            pause = min(pause * 2 or _WATCH_SECONDS, _LONGEST_PAUSE_SECONDS) if quick else 0.0
            await asyncio.sleep(pause)
            started = time.monotonic()
            with suppress(RuntimeError):
                await process.restart()
            self._on_change()

    def _environment(self, name: str) -> dict[str, str]:
        environment = {
            "SUTURE_BROKER_URL": self.broker_url,
            "SUTURE_STORE_URL": self.store_url,
            "SUTURE_STORE_DATABASE": self.options.database,
            "SUTURE_SIGNING_KEY_FILE": str(self.keys.key_file(name)),
            "SUTURE_TRUST_STORE_FILE": str(self.keys.trust_store_file),
            "SUTURE_INSTANCE": f"{name}-0",
        }
        if name == "executor":
            environment["SUTURE_EXECUTOR_STATE_DIR"] = str(self.folder / "executor")
        if name == "gateway":
            environment |= {
                "SUTURE_GATEWAY_HOST": LOOPBACK,
                "SUTURE_GATEWAY_PORT": str(self._gateway_port),
                "SUTURE_GATEWAY_KEYS_FILE": str(self.access.gateway_file),
            }
        further = self.options.environment
        return environment | dict(further.get("*", {})) | dict(further.get(name, {}))


async def _all_of(starting: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Awaits all; when one fails the others are cancelled and its own error is raised, not a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in starting:
                group.create_task(each)
    except* StartError as failed:
        first = failed.exceptions[0]
    else:
        return
    raise first
