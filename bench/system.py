"""The six services as processes, for one measurement: a broker's virtual host and a store of their own."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
from suture_contracts.topology import SERVICES
from suture_local.broker import Broker
from suture_local.ports import LOOPBACK, free_ports
from suture_local.processes import ChildProcess, inherited_environment
from suture_local.stack import Options, Stack
from suture_local.store import EmbeddedStore

ROOT = Path(__file__).resolve().parent.parent
DATABASE = "bench"


@dataclass(frozen=True)
class System:
    """A running system; ``ready_s`` is from the spawn of its services until all are ready."""

    stack: Stack
    ready_s: float
    pids: Mapping[str, int]
    store_pid: int

    def memory_mb(self) -> float:
        """Proportional set size of the six services with their children, in MB."""
        return sum(_proportional_bytes(pid) for pid in self.pids.values()) / 1e6


@asynccontextmanager
async def fresh_vhost(broker: Broker) -> AsyncIterator[str]:
    """The AMQP address of an empty virtual host, removed afterwards."""
    name = f"bench-{uuid4().hex[:12]}"
    url = await broker.management.create_vhost(name)
    try:
        yield url
    finally:
        await broker.management.delete_vhost(name)


@asynccontextmanager
async def fresh_store() -> AsyncIterator[EmbeddedStore]:
    """An empty embedded store: one that has worked for a while is slower."""
    store = EmbeddedStore()
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


@asynccontextmanager
async def running(
    broker: Broker, folder: Path, *, recorded: bool, run_seconds: float = 0.0, profiled: Sequence[str] = ()
) -> AsyncIterator[System]:
    """Six services on a fresh virtual host and a fresh store; ``recorded`` replaces the sandbox alone.

    ``run_seconds`` is what a recorded run takes. A ``profiled`` service writes ``<folder>/<name>.prof`` when
    it ends, and is slower meanwhile.
    """
    async with AsyncExitStack() as exits:
        broker_url = await exits.enter_async_context(fresh_vhost(broker))
        store = await exits.enter_async_context(fresh_store())
        environment = {name: _profiling(folder / f"{name}.prof") for name in profiled}
        services = [name for name in SERVICES if not (recorded and name == "executor")]
        stack = Stack(folder, Options(broker_url, store.url, DATABASE, services, environment))
        exits.push_async_callback(stack.stop)
        started = time.perf_counter()
        if recorded:
            further = environment.get("executor", {}) | {"BENCH_RUN_SECONDS": str(run_seconds)}
            executor = _RecordedExecutor(stack, further)
            exits.push_async_callback(executor.process.stop)
            await asyncio.gather(stack.start_services(), executor.start())
        else:
            await stack.start_services()
        ready_s = time.perf_counter() - started
        pids = {name: service.pid for name, service in stack.services.items()}
        if recorded:
            pids["executor"] = executor.process.pid
        yield System(stack, ready_s, pids, store.pid)


class _RecordedExecutor:
    """The executor with the bench's sandbox, started as the stack starts the others."""

    def __init__(self, stack: Stack, further: Mapping[str, str]) -> None:
        (self._port,) = free_ports(1)
        environment = {
            "SUTURE_BROKER_URL": stack.broker_url,
            "SUTURE_STORE_URL": stack.store_url,
            "SUTURE_STORE_DATABASE": DATABASE,
            "SUTURE_SIGNING_KEY_FILE": str(stack.keys.key_file("executor")),
            "SUTURE_TRUST_STORE_FILE": str(stack.keys.trust_store_file),
            "SUTURE_INSTANCE": "executor-0",
            "SUTURE_EXECUTOR_STATE_DIR": str(stack.folder / "executor"),
            "SUTURE_HEALTH_PORT": str(self._port),
            **further,
        }
        self.process = ChildProcess(
            "executor",
            [sys.executable, "-m", "bench.recorded_executor"],
            environment=inherited_environment() | environment,
            log=stack.folder / "log" / "executor.log",
            directory=ROOT,
            on_parent_death="KILL",
        )

    async def start(self) -> None:
        self.process.start()
        await self.process.wait_until(self._ready, 60)

    async def _ready(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                return (await client.get(f"http://{LOOPBACK}:{self._port}/health/ready")).status_code == 200
        except httpx.HTTPError:
            return False


def _profiling(file: Path) -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT / "bench" / "profiling"), "BENCH_PROFILE": str(file)}


def _proportional_bytes(pid: int) -> int:
    process = psutil.Process(pid)
    return sum(each.memory_full_info().pss for each in (process, *process.children(recursive=True)))
