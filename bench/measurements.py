"""The four measurements, each on a fresh virtual host and, where it writes, a fresh store."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from suture_local.broker import Broker

from bench.celery_chain import pipelines_per_second
from bench.cpu import cpu_told
from bench.driver import driving
from bench.load import Load
from bench.system import fresh_store, fresh_vhost, running

TARGETS = 100
SINGLE = 100
SANDBOXED = Load(messages=150, warm_up=20, in_flight=50)

Figures = dict[str, float]


@dataclass(frozen=True)
class Bench:
    """All on one ``broker`` with the same ``load``; each run's state lies in a new folder in ``folder``."""

    broker: Broker
    load: Load
    folder: Path
    profiled: Sequence[str] = ()

    async def celery(self) -> Figures:
        """The chain whose tasks do nothing."""
        async with fresh_vhost(self.broker) as url:
            parts = {"broker": self.broker.pid}
            return {"celery_per_s": await asyncio.to_thread(pipelines_per_second, url, self.load, parts)}

    async def equal_work(self) -> Figures:
        """The chain whose tasks write and sign what Suture's hops do."""
        async with fresh_vhost(self.broker) as url, fresh_store() as store:
            parts = {"broker": self.broker.pid, "store": store.pid}
            rate = await asyncio.to_thread(pipelines_per_second, url, self.load, parts, store.url)
        return {"equal_work_per_s": rate}

    async def suture(self) -> Figures:
        """From ``rca.received`` to ``execution.completed``, everything real but the sandbox."""
        state = self._state()
        async with (
            running(self.broker, state, recorded=True, profiled=self.profiled) as system,
            driving(system.stack, state / "targets", TARGETS) as driver,
        ):
            await driver.drive(self.load.warm_up, self.load.in_flight)
            parts = {**system.pids, "store": system.store_pid, "broker": self.broker.pid}
            with cpu_told(parts, self.load.messages):
                seconds = await driver.drive(self.load.messages, self.load.in_flight)
            memory = system.memory_mb()
            single = await driver.one_after_another(SINGLE)
        return {
            "suture_per_s": self.load.messages / seconds,
            "p50_ms_without_sandbox": statistics.median(single) * 1_000,
            "ready_s": system.ready_s,
            "memory_mb": memory,
        }

    async def sandboxed(self) -> Figures:
        """The same with the real sandbox, each finding with a target of its own that it mends."""
        state = self._state()
        count = SANDBOXED.messages + SANDBOXED.warm_up + 1
        async with (
            running(self.broker, state, recorded=False) as system,
            driving(system.stack, state / "targets", count) as driver,
        ):
            await driver.drive(SANDBOXED.warm_up, SANDBOXED.in_flight)
            seconds = await driver.drive(SANDBOXED.messages, SANDBOXED.in_flight)
        return {"sandboxed_per_s": SANDBOXED.messages / seconds}

    def _state(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))
