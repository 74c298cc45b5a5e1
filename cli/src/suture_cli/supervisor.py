"""The process that keeps the system of one folder running, and says in ``run.json`` where everything is.

``python -m suture_cli.supervisor FOLDER`` is what ``suture up --detach`` leaves behind.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from suture_local.access import write_private
from suture_local.locks import FolderInUse, try_lock
from suture_local.processes import StartError
from suture_local.stack import Stack

ROLES = ("agent", "operator", "supervisor", "admin")


class Supervisor:
    """Runs the system in ``folder`` until it is told to stop; ``on_change`` follows each new ``run.json``.

    ``run`` raises ``suture_local.locks.FolderInUse`` where another supervisor runs that folder's system and
    ``suture_local.processes.StartError`` where a part does not start.
    """

    def __init__(self, folder: Path, on_change: Callable[[Stack], None] = lambda stack: None) -> None:
        self._folder = folder
        self._on_change = on_change
        self._run_file = folder / "run.json"
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        lock = try_lock(self._folder / "lock")
        try:
            self._run_file.unlink(missing_ok=True)
            stack = Stack(self._folder, on_change=lambda: self._changed(stack))
            starting = asyncio.create_task(stack.start())
            await self._until_stopped_or(starting)
            if starting.done():
                starting.result()
                self._changed(stack)
                await self._stop.wait()
            await _cancelled(starting)
            await stack.stop()
        finally:
            self._run_file.unlink(missing_ok=True)
            os.close(lock)

    async def _until_stopped_or(self, task: asyncio.Task[None]) -> None:
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    def _changed(self, stack: Stack) -> None:
        write_private(self._run_file, describe(stack))
        self._on_change(stack)


def describe(stack: Stack) -> dict[str, Any]:
    """What ``run.json`` says."""
    return {
        "api": stack.api_url,
        "broker": stack.broker_url,
        "store": stack.store_url,
        "services": {
            name: {"pid": service.pid, "health": service.health_url, "metrics": service.metrics_url}
            for name, service in stack.services.items()
        },
        "keys": {role: stack.tokens[role] for role in ROLES},
    }


async def run_until_signal(supervisor: Supervisor) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    await supervisor.run()


async def _cancelled(task: asyncio.Task[None]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait([task])


def main() -> None:
    try:
        asyncio.run(run_until_signal(Supervisor(Path(sys.argv[1]))))
    except (FolderInUse, StartError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
