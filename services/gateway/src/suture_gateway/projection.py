"""Keeps ``remediations`` in step with the journal, many events to one write, and wakes who waits."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

from pydantic import ValidationError
from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, PyMongoError
from suture_contracts.base import Event
from suture_contracts.topology import EVENTS

from suture_gateway.chain import Fact, Head, fact_of
from suture_gateway.change import Change, merge
from suture_gateway.fold import fold
from suture_gateway.journal import time_of
from suture_gateway.watchers import Watchers

Collection = AsyncCollection[dict[str, Any]]

_BATCH = 200
_MOST_PENDING = 2_000
_DUPLICATE_KEY = 11000
_RETRY_SECONDS = 1.0
_POSITION_SECONDS = 1.0
# Under load a short pause lets several events of one remediation share a write; when idle there is none.
_BUSY = 16
_PAUSE_SECONDS = 0.1


class Logger(Protocol):
    def warning(self, event: str, **values: Any) -> Any: ...


class Projection:
    """Folds journal entries into documents; a stored position says from where to fold again after a crash.

    Each instance keeps a position of its own, for the entries that it wrote itself.
    """

    def __init__(
        self,
        entries: Collection,
        remediations: Collection,
        positions: Collection,
        *,
        instance: str,
        watchers: Watchers,
        log: Logger,
    ) -> None:
        self._entries = entries
        self._remediations = remediations
        self._positions = positions
        self._name = f"remediations:{instance}"
        self._watchers = watchers
        self._log = log
        self._pending: dict[str, Change] = {}
        self._seen = 0
        self._written = 0
        self._position = 0
        self._writing = asyncio.Lock()
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def open(self) -> None:
        """Create the indexes and find the position."""
        for keys in (
            [("created", DESCENDING), ("_id", DESCENDING)],
            [("head.state", ASCENDING), ("created", DESCENDING), ("_id", DESCENDING)],
            [("script_id", ASCENDING)],
        ):
            await self._remediations.create_index(keys)
        position = await self._positions.find_one({"_id": self._name})
        self._seen = self._written = self._position = 0 if position is None else int(position["seq"])

    def add(self, seq: int, event: Event, fact: Fact) -> None:
        """Take an entry; it is written soon."""
        self._seen = seq
        try:
            change = fold(event, event_id=fact.event_id, source=fact.source, at=time_of(fact))
        except Exception as error:
            # One event that cannot be folded must not hold up the journal; the entry itself is stored.
            self._log.warning("event cannot be folded", seq=seq, type=fact.type, error=str(error)[:500])
            return
        if change is not None:
            self._take(change)
        self._work.set()

    async def room(self) -> None:
        """Return when there is room for more: the fold must not fall behind without bound."""
        await self._room.wait()

    async def catch_up(self, head: Head) -> None:
        """Fold every entry after the last one seen, up to ``head``."""
        while self._seen < head.seq:
            found = self._entries.find({"_id": {"$gt": self._seen, "$lte": head.seq}}).sort(
                [("_id", ASCENDING)]
            )
            entries = await found.limit(_BATCH).to_list()
            if not entries:
                return
            for entry in entries:
                self._add_stored(entry)
            await self.write()

    def _add_stored(self, entry: dict[str, Any]) -> None:
        try:
            event = EVENTS[entry["type"]].model_validate_json(entry["body"])
        except (KeyError, ValidationError) as error:
            # It was readable when it was journalled: a contract was narrowed since. The entry itself stays.
            self._log.warning("journal entry cannot be folded", seq=entry["_id"], error=str(error)[:500])
            self._seen = entry["_id"]
            return
        self.add(entry["_id"], event, fact_of(entry))

    def _take(self, change: Change) -> None:
        kept = self._pending.get(change.remediation_id)
        self._pending[change.remediation_id] = change if kept is None else merge(kept, change)
        if len(self._pending) >= _MOST_PENDING:
            self._room.clear()

    async def run(self) -> None:
        """Write what is pending whenever there is something; runs until cancelled."""
        while True:
            await self._work.wait()
            busy = len(self._pending) >= _BUSY
            try:
                await self.write()
            except PyMongoError as error:
                self._log.warning("remediations could not be written", error=str(error)[:500])
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if busy:
                await asyncio.sleep(_PAUSE_SECONDS)

    async def write(self) -> None:
        """Write all that is pending now; on an error it stays pending."""
        # One at a time: what a failed write put back must be written before the position moves past it.
        async with self._writing:
            pending, self._pending = self._pending, {}
            seen = self._seen
            self._work.clear()
            try:
                await self._update(pending)
            except BaseException:
                self._put_back(pending.values())
                raise
            self._written = seen
            self._room.set()
            self._watchers.wake(pending)

    async def _update(self, pending: dict[str, Change]) -> None:
        if not pending:
            return
        updates = [UpdateOne({"_id": key}, change.update(), upsert=True) for key, change in pending.items()]
        try:
            await self._remediations.bulk_write(updates, ordered=False)
        except BulkWriteError as error:
            changes = list(pending.values())
            for problem in error.details["writeErrors"]:
                change = changes[problem["index"]]
                if problem.get("code") == _DUPLICATE_KEY:  # two instances inserted it at once: try again
                    self._put_back([change])
                    continue
                reason = str(problem.get("errmsg"))[:500]
                self._log.warning("fold refused", remediation_id=change.remediation_id, error=reason)

    def _put_back(self, changes: Iterable[Change]) -> None:
        for change in changes:
            self._take(change)
        self._work.set()

    async def keep_position(self) -> None:
        """Store how far the fold has come, once a second; runs until cancelled."""
        while True:
            await asyncio.sleep(_POSITION_SECONDS)
            try:
                await self.store_position()
            except PyMongoError as error:
                self._log.warning("the fold's position could not be stored", error=str(error)[:500])

    async def store_position(self) -> None:
        """Store how far the fold has come. An older position only means folding some entries again."""
        if self._written != self._position:
            written = self._written
            await self._positions.update_one({"_id": self._name}, {"$max": {"seq": written}}, upsert=True)
            self._position = written
