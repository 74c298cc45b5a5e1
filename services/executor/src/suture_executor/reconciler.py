"""Drives executions: those that handlers hand over at once, and what the store says is left to do."""

from __future__ import annotations

import asyncio
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from structlog.typing import FilteringBoundLogger
from suture_chassis.errors import Conflict, TemporaryError

from suture_executor import domain
from suture_executor.driver import Driver
from suture_executor.executions import Document, utc_now
from suture_executor.stops import Stops
from suture_executor.takeover import Takeover
from suture_executor.targets import Targets

_MOST_AT_ONCE = 1_000


class Reconciler:
    """One task an execution; ``run`` looks at the store when it starts, when told, and every few seconds."""

    def __init__(
        self,
        collection: AsyncCollection[dict[str, Any]],
        driver: Driver,
        targets: Targets,
        stops: Stops,
        takeover: Takeover,
        instance: str,
        log: FilteringBoundLogger,
        scan_seconds: float,
    ) -> None:
        self._collection = collection
        self._driver = driver
        self._targets = targets
        self._stops = stops
        self._takeover = takeover
        self._instance = instance
        self._log = log
        self._scan_seconds = scan_seconds
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._look = asyncio.Event()
        self._open = False

    def drive(self, document: Document, *, new: bool = False) -> None:
        """Take it on now; where it is driven already it is looked at again afterwards.

        ``new``: it was queued just now, so that it cannot have begun.
        """
        id = document["_id"]
        if id in self._tasks:
            self._again.add(id)
        elif self._open and len(self._tasks) < _MOST_AT_ONCE:
            task = asyncio.create_task(self._advance(document, new), name=f"execution {id}")
            self._tasks[id] = task
            task.add_done_callback(lambda _: self._ended(id))

    @property
    def at_work(self) -> int:
        """How many executions this instance drives now."""
        return len(self._tasks)

    def look(self) -> None:
        """Look at the store soon: a stop was lifted, a target came."""
        self._look.set()

    async def run(self) -> None:
        """The background loop; cancelled, it leaves what runs to the next start."""
        self._open = True
        try:
            while True:
                self._look.clear()
                try:
                    await self.scan()
                except (PyMongoError, TemporaryError) as error:
                    self._log.warning("scan_failed", reason=str(error))
                try:
                    async with asyncio.timeout(self._scan_seconds):
                        await self._look.wait()
                except TimeoutError:
                    pass
        finally:
            self._open = False
            for task in self._tasks.values():
                task.cancel()

    async def keep_fresh(self) -> None:
        """Read the stop switch once a second."""
        while True:
            try:
                await self._stops.refresh()
            except TemporaryError as error:
                self._log.warning("stop_switch_unreadable", reason=error.reason)
            await asyncio.sleep(1)

    async def scan(self) -> None:
        """Take on all of this instance's executions that are not at their end, and a retired one's."""
        await self._targets.refresh()
        await self._takeover.scan()
        await self._drive_all({"state": {"$in": list(domain.ACTIVE)}})
        await self._drive_all({"state": "ready", "not_after": {"$lt": utc_now()}})

    async def _drive_all(self, due: dict[str, Any]) -> None:
        # One condition on the state each, not both under one $or: the index serves these.
        mine = {**due, "instance": self._instance}
        hidden = {"inbox": 0, "outbox": 0}
        async for document in self._collection.find(mine, hidden, limit=_MOST_AT_ONCE):
            if document["_id"] not in self._tasks:
                self.drive(document)

    async def _advance(self, document: Document, new: bool) -> None:
        try:
            await self._driver.advance(document, new=new)
        except Conflict as conflict:
            self._log.info(
                "changed_meanwhile", execution=document["_id"], state=conflict.current.get("state")
            )
            self._again.add(document["_id"])
        except TemporaryError as error:
            self._log.warning("postponed", execution=document["_id"], reason=error.reason)
        except Exception:
            self._log.exception("execution_not_driven", execution=document["_id"])

    def _ended(self, id: str) -> None:
        self._tasks.pop(id, None)
        if id in self._again:
            self._again.discard(id)
            self.look()
