"""Loops that run beside the handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from structlog.typing import FilteringBoundLogger

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_CANCEL_AGAIN = 0.5


class Background:
    """Supervises named loops: one that fails starts again after a growing pause, one that ends has ended."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log
        self._runs: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        self._runs.append((name, run))

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._supervise(name, run), name=name) for name, run in self._runs]

    async def stop(self) -> None:
        waiting = set(self._tasks)
        self._tasks = []
        while waiting:
            for task in waiting:
                # A cancellation that meets the end of a store's call can get lost: it is asked for again.
                task.cancel()
            _, waiting = await asyncio.wait(waiting, timeout=_CANCEL_AGAIN)

    async def _supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                return await run()
            except Exception:
                self._log.exception("background_failed", name=name, again_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
