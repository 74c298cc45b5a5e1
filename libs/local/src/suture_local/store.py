"""The embedded store, a server of MongoDB's wire protocol, as a child process."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from suture_local.locks import lock_within
from suture_local.ports import LOOPBACK, free_ports
from suture_local.processes import ChildProcess, StartError, inherited_environment

_START_ATTEMPTS = 3
_FORMER_SERVER_SECONDS = 30
# Without retryWrites=false its writes fall to 50 a second; without journal=true a kill -9 loses some.
_OPTIONS = "?retryWrites=false&journal=true&directConnection=true"


class EmbeddedStore:
    """SecantusDB in a process of its own, for demo and tests; a deployment has MongoDB.

    With ``data`` its documents survive; without, they lie in a temporary folder that ``stop`` removes.
    """

    def __init__(self, data: Path | None = None) -> None:
        self._temporary = data is None
        self._data = Path(tempfile.mkdtemp(prefix="suture-store-")) if data is None else data
        self._server: ChildProcess | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"mongodb://{LOOPBACK}:{self.port}/{_OPTIONS}"

    @property
    def pid(self) -> int:
        if self._server is None:
            raise RuntimeError("the store was not started")
        return self._server.pid

    @property
    def running(self) -> bool:
        return self._server is not None and self._server.running

    async def start(self, within: float = 60) -> None:
        """Returns once it answers a ping. Raises ``StartError``."""
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                await self._start_on_a_free_port(within)
            except StartError:
                # Another process may have taken the port since it was seen free.
                await self._stop_process()
                if attempt == _START_ATTEMPTS:
                    raise
            except BaseException:
                await self._stop_process()
                raise
            else:
                return

    async def stop(self) -> None:
        await self._stop_process()
        if self._temporary:
            await asyncio.to_thread(shutil.rmtree, self._data, True)

    def kill(self) -> None:
        """SIGKILL; ``restart`` brings it back with its documents."""
        if self._server is not None:
            self._server.kill()

    async def restart(self, within: float = 60) -> None:
        """Starts it again on the same port."""
        if self._server is None:
            raise RuntimeError("the store was not started")
        await self._server.stop()
        await self._start_server()
        await self._server.wait_until(self._answers, within)

    async def _start_on_a_free_port(self, within: float) -> None:
        (self.port,) = free_ports(1)
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [
            *_program(),
            *("--host", LOOPBACK, "--port", str(self.port)),
            *("--storage-path", str(self._data / "data")),
            # Alone it writes no oplog, which nobody reads: there are no change streams and no transactions.
            *("--cache-size", "256M", "--standalone", "--log-level", "WARNING"),
        ]
        # It looks for configuration files in the working and the home folder: it gets empty ones.
        environment = inherited_environment() | {"HOME": str(self._data)}
        log = self._data / "console.log"
        self._server = ChildProcess("store", command, environment=environment, log=log, directory=self._data)
        await self._start_server()
        await self._server.wait_until(self._answers, within)

    async def _start_server(self) -> None:
        if self._server is None:
            raise RuntimeError("the store was not started")
        lock = await lock_within(self._data / "lock", _FORMER_SERVER_SECONDS)
        try:
            self._server.start(keep_open=[lock])
        finally:
            os.close(lock)

    async def _stop_process(self) -> None:
        if self._server is not None:
            await self._server.stop(grace=0 if self._temporary else 15)

    async def _answers(self) -> bool:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(self.url, serverSelectionTimeoutMS=500)
        try:
            await client.admin.command("ping")
        except PyMongoError:
            return False
        finally:
            await client.close()
        return True


def _program() -> list[str]:
    beside = Path(sys.executable).with_name("secantusd-py")
    found = str(beside) if beside.exists() else shutil.which("secantusd-py")
    if found is None:
        raise StartError("the embedded store is not installed: run `make setup`, or `pip install secantusdb`")
    return [found]
