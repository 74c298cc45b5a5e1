"""A child process that ends with its parent, even when the parent is killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

POLL_SECONDS = 0.05
_LOG_TAIL_BYTES = 4_000


class StartError(RuntimeError):
    """A process ended, or was not ready in time; the message carries the end of its log."""


class ChildProcess:
    """One child in a session of its own: a Ctrl-C in the terminal reaches the parent alone.

    ``on_parent_death`` is the signal that the kernel sends it when the thread that started it ends, which
    is how children of a parent that was killed with -9 end too. Start it from a thread that lives as long.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log: Path,
        directory: Path | None = None,
        on_parent_death: Literal["TERM", "KILL"] = "TERM",
    ) -> None:
        self.name = name
        self.log = log
        self._command = [*_dying_with_parent(on_parent_death), *command]
        self._environment = dict(environment)
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, keep_open: Sequence[int] = ()) -> None:
        """``keep_open`` are file descriptors (locks) that the child inherits."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=tuple(keep_open),
            )

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    async def stop(self, grace: float = 15.0) -> None:
        """SIGTERM, then, ``grace`` seconds later, SIGKILL to it and what it left in its process group."""
        if self._process is None:
            return
        if self.running:
            self._process.terminate()
            await self._ended_within(grace)
        self._kill_group()
        await asyncio.to_thread(self._process.wait)

    def kill(self) -> None:
        """SIGKILL, as a crash would end it."""
        if self._process is not None and self.running:
            self._process.kill()

    async def wait_until(self, ready: Callable[[], Awaitable[bool]], within: float) -> None:
        """Polls ``ready``; raises ``StartError`` when the process ends first or ``within`` seconds pass."""
        deadline = time.monotonic() + within
        while not await ready():
            if not self.running:
                raise StartError(f"{self.name} ended with code {self.exit_code}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise StartError(f"{self.name} was not ready within {within:.0f} s:\n{self.log_tail()}")
            await asyncio.sleep(POLL_SECONDS)

    def log_tail(self) -> str:
        try:
            return self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
        except OSError:
            return ""

    async def _ended_within(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        # A child of Popen has no awaitable end; every step looks whether it is still there.
        while self.running and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)

    def _kill_group(self) -> None:
        # The group outlives its leader as long as anything is in it, so that its number cannot be another's.
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


def inherited_environment(*, without: Sequence[str] = ()) -> dict[str, str]:
    """This process' environment, less the variables that begin with one of ``without``."""
    return {name: value for name, value in os.environ.items() if not name.startswith(tuple(without))}


def _dying_with_parent(signal_name: str) -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", signal_name] if setpriv else []
