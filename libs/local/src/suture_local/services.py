"""One of Suture's services as a child process."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from suture_local.ports import LOOPBACK
from suture_local.processes import ChildProcess, inherited_environment

_MAX_LOG_BYTES = 10_000_000


class ServiceProcess:
    """``python -m suture_<name>`` with its health server on ``health_port``, which it keeps over restarts."""

    def __init__(self, name: str, environment: Mapping[str, str], health_port: int, log: Path) -> None:
        self.name = name
        self.health_port = health_port
        self.restarts = 0
        _set_aside_when_large(log)
        self._process = ChildProcess(
            name,
            [sys.executable, "-m", f"suture_{name}"],
            environment=inherited_environment() | {**environment, "SUTURE_HEALTH_PORT": str(health_port)},
            log=log,
            # A service may be killed at any time and loses nothing: it must not outlive its supervisor.
            on_parent_death="KILL",
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    @property
    def health_url(self) -> str:
        return f"http://{LOOPBACK}:{self.health_port}/health/ready"

    @property
    def metrics_url(self) -> str:
        return f"http://{LOOPBACK}:{self.health_port}/metrics"

    @property
    def log(self) -> Path:
        return self._process.log

    def start(self) -> None:
        self._process.start()

    async def restart(self) -> None:
        """Starts it again where it ended by itself; returns at once."""
        self.restarts += 1
        # What it started (a run in its sandbox) stays, as after any crash: the service takes it up again.
        self._process.start()

    async def wait_until_ready(self, within: float = 60) -> None:
        """Raises ``StartError`` with the end of its log when it ends first or is not ready in time."""
        await self._process.wait_until(self.is_ready, within)

    async def is_ready(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                return (await client.get(self.health_url)).status_code == 200
        except httpx.HTTPError:
            return False

    async def stop(self, grace: float = 15) -> None:
        await self._process.stop(grace)

    def kill(self) -> None:
        """SIGKILL, as a crash would end it."""
        self._process.kill()


def _set_aside_when_large(log: Path) -> None:
    if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.old"))
