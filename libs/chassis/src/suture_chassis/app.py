"""A service: what it consumes, what it answers, and its life from start to graceful stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from suture_contracts import topology
from suture_contracts.base import Command, Event, Message, Reply, Role

from suture_chassis import logs
from suture_chassis.answering import CommandDelivery
from suture_chassis.asking import Asking
from suture_chassis.asyncapi import describe
from suture_chassis.authority import Authority
from suture_chassis.background import Background
from suture_chassis.consumers import Consumers
from suture_chassis.custody import Signer, TrustStore
from suture_chassis.dead_letters import DeadLetters
from suture_chassis.declare import declare_topology
from suture_chassis.delivery import Delivery, EventDelivery, Neighbours
from suture_chassis.errors import TemporaryError
from suture_chassis.failures import Failures
from suture_chassis.health import HealthServer, Probes
from suture_chassis.messages import Received
from suture_chassis.metrics import Metrics
from suture_chassis.outbox import Outbox
from suture_chassis.process import run_until_stopped
from suture_chassis.publisher import Publisher
from suture_chassis.renewed import Renewed
from suture_chassis.retired import LOOKS, Retired
from suture_chassis.settings import ChassisSettings
from suture_chassis.store import Store
from suture_chassis.telemetry import Telemetry
from suture_chassis.watermark import Watermark

if TYPE_CHECKING:
    from suture_chassis.http import HttpServer

E = TypeVar("E", bound=Event)
C = TypeVar("C", bound=Command)
Hook = Callable[[], Awaitable[None]]


class Service:
    """One of the six services. Build it, tell it what it consumes, then ``run`` it.

    ``async with service`` starts and stops it inside a running event loop, as tests do.
    """

    def __init__(self, name: str, settings: ChassisSettings, *, telemetry: Telemetry | None = None) -> None:
        self.name = name
        self.settings = settings
        self.log = logs.logger(name, settings.log_level, settings.log_format)
        self.metrics = Metrics(name)
        self.telemetry = telemetry or Telemetry(
            name, ratio=settings.trace_ratio, endpoint=settings.otlp_endpoint
        )
        self.signer = Signer.load(settings.signing_key_file)
        self.trust = TrustStore.load(settings.trust_store_file)
        self._publisher = Publisher(self.metrics.confirmed, declare_topology)
        self._outbox = Outbox(
            name, settings.instance, self.signer, self.trust, self._publisher, self.telemetry
        )
        self.metrics.watch_pending(lambda: self._outbox.pending)
        self.store = Store(
            settings.store_url.get_secret_value(), settings.store_database, self._outbox, self.metrics
        )
        self.dead_letters = DeadLetters(self._publisher)
        authority = Authority(self.trust)
        self._neighbours = Neighbours(
            authority, Failures(self._publisher), self.metrics, self.telemetry, self.log
        )
        self._asking = Asking(name, self.signer, authority, self.telemetry)
        self._consumers = Consumers(settings.broker_url.get_secret_value(), settings.graceful_timeout)
        watermarks, retired_after = self.store.collection(f"{name}_watermarks"), settings.retired_after
        self._watermark = Watermark(watermarks, self._outbox, retired_after / LOOKS, self.log)
        self._retired = Retired(watermarks, settings.instance, retired_after, self.log)
        self._renewed = Renewed(watermarks, settings.instance, self.signer, self.trust, self.log)
        self._background = Background(self.log)
        self._hooks: list[Hook] = []
        self._queues = {queue.name: queue for queue in topology.work_queues(name)}
        self._taken: set[str] = set()
        self._started = False
        self.http: HttpServer | None = None
        self.health = HealthServer(
            Probes(name, self.missing, self.metrics.render, lambda: json.dumps(describe(name)).encode())
        )

    def on(self, message_type: type[E], handler: Callable[[Received[E]], Awaitable[None]]) -> None:
        """Handle an event that the topology gives to this service."""
        queue = topology.work_queue(self.name, message_type.TYPE)
        models: dict[str, type[Message]] = {message_type.TYPE: message_type}
        self._take(queue, EventDelivery(queue, models, self._neighbours, handler))

    def on_every_event(self, handler: Callable[[Received[Event]], Awaitable[None]]) -> None:
        """Handle every event there is, from the journal queue."""
        models: dict[str, type[Message]] = dict(topology.EVENTS)
        self._take(
            topology.JOURNAL_QUEUE, EventDelivery(topology.JOURNAL_QUEUE, models, self._neighbours, handler)
        )

    def command(
        self,
        command_type: type[C],
        handler: Callable[[Received[C]], Awaitable[Reply]],
        *,
        roles: set[Role] | None = None,
    ) -> None:
        """Answer a command that this service owns; ``roles`` says who may ask, ``None`` lets everyone."""
        queue = topology.work_queue(self.name, command_type.TYPE)
        delivery = CommandDelivery(
            queue,
            command_type,
            self._neighbours,
            handler,
            roles=frozenset(roles) if roles is not None else None,
            service=self.name,
            signer=self.signer,
            publisher=self._publisher,
        )
        self._take(queue, delivery)

    def on_start(self, hook: Hook) -> None:
        """Run before the first message: indexes, seeding. Store and broker are there."""
        self._hooks.append(hook)

    def background(self, name: str, run: Hook) -> None:
        """Run beside the handlers; started again when it fails, cancelled on stop."""
        self._background.add(name, run)

    def serve(self, asgi_app: Any, host: str, port: int) -> None:
        """Serve HTTP while the service runs."""
        # A web server costs memory that most services can do without.
        from suture_chassis.http import HttpServer

        self.http = HttpServer(asgi_app, host, port, self.settings.graceful_timeout)
        self._background.add("http", self.http.serve)

    async def send_command(self, command: Command, timeout: float = 10) -> Reply:  # noqa: ASYNC109
        """The owner's reply. Raises ``TemporaryError`` when nobody answers in time (seconds)."""
        return await self._asking.ask(command, timeout)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; exits non-zero when it could not start or lost the broker."""
        run_until_stopped(self)

    def retired(self) -> dict[str, float]:
        """The other instances that no longer beat, and for how many seconds: see ``Retired``."""
        return self._retired.retired()

    @property
    def broker_connected(self) -> bool:
        return self._consumers.connected

    async def missing(self) -> list[str]:
        """What is not ready; nothing is."""
        missing = [] if self._started else ["start"]
        if not self.broker_connected:
            missing.append("broker")
        missing += [f"consumer {queue}" for queue in self._consumers.missing()]
        if self.http is not None and not self.http.listening:
            missing.append("http")
        try:
            await self.store.ping()
        except TemporaryError:
            missing.append("store")
        return missing

    async def start(self) -> None:
        """Raises when store or broker did not come within the patience that the settings give."""
        await self.health.start(self.settings.health_host, self.settings.health_port)
        async with asyncio.timeout(self.settings.broker_patience):
            await self._reach_neighbours()
        for documents in self.store.all_documents():
            await documents.prepare()
        await self._watermark.load()
        for hook in self._hooks:
            await hook()
        await self._consumers.start()
        self._background.add("mend", self._consumers.mend)
        self._background.add("watermark", self._watermark.keep)
        self._background.add("sweep", lambda: self._watermark.sweep(self.store.all_documents()))
        self._background.add("retired", lambda: self._retired.watch(self.store.all_documents()))
        self._background.add("renewed", lambda: self._renewed.watch(self.store.all_documents()))
        self._background.start()
        self._started = True
        self.log.info("started", health_port=self.health.port, queues=sorted(self._taken))

    async def stop(self) -> None:
        """Finish what runs, publish what waits, within the graceful timeout."""
        self._started = False
        await self._consumers.drain()
        await self._background.stop()
        self._publisher.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._watermark.store()
        await self._consumers.close()
        await self.store.close()
        await self.health.stop()
        self.telemetry.close()
        self.log.info("stopped")

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _reach_neighbours(self) -> None:
        while True:
            try:
                await self.store.ping()
                break
            except TemporaryError as error:
                self.log.warning("store_awaited", error=str(error))
                await asyncio.sleep(0.5)
        connection = await self._consumers.connect()
        await self._publisher.open(connection)
        await self._asking.open(connection)
        self.dead_letters.open(connection)

    def _take(self, queue: str, delivery: Delivery) -> None:
        if queue not in self._queues or queue in self._taken:
            raise ValueError(f"{queue} is not a queue of {self.name}, or is taken already")
        self._taken.add(queue)
        self._consumers.add(self._queues[queue], delivery)
