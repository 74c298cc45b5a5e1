"""Keeps ``remediations`` in step with the journal, many events to one write, and wakes who waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any

from pydantic import ValidationError
from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from suture_chassis.custody.chain import Fact, Head, fact_of
from suture_contracts.base import Event
from suture_contracts.topology import EVENTS

from suture_gateway.change import Change
from suture_gateway.entries import Entries, Entry
from suture_gateway.fold import fold, fold_repeat
from suture_gateway.journal import time_of
from suture_gateway.pending import Held, Pending
from suture_gateway.stored import Logger, Stored
from suture_gateway.watchers import Watchers

Collection = AsyncCollection[dict[str, Any]]

_BATCH = 200
_MOST_PENDING = 2_000
_RETRY_SECONDS = 1.0
_POSITION_SECONDS = 1.0
# So long a change may wait for the next events of its remediation, to share a write. Who asks or waits for it
# here has it written at once; only another instance's readers see it this much later.
HOLD_SECONDS = 2.0


class Projection:
    """Folds journal entries into documents; a stored position says from where to fold again after a crash.

    Each instance keeps a position of its own, for the entries that it wrote itself.
    """

    def __init__(
        self,
        entries: Entries,
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
        self._stored = Stored(remediations, log)
        self._pending = Pending()
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
        """Take an entry; it is written within ``HOLD_SECONDS``, or as soon as somebody asks for it."""
        self._seen = seq
        at = time_of(fact)
        try:
            changes = (
                fold(event, event_id=fact.event_id, source=fact.source, at=at),
                fold_repeat(event, event_id=fact.event_id, at=at),
            )
        except Exception as error:
            # One event that cannot be folded must not hold up the journal; the entry itself is stored.
            self._log.warning("event cannot be folded", seq=seq, type=fact.type, error=str(error)[:500])
            return
        for change in changes:
            if change is not None:
                self._take(change.remediation_id, Held(change, seq, time.monotonic()))

    async def room(self) -> None:
        """Return when there is room for more: the fold must not fall behind without bound."""
        await self._room.wait()

    async def catch_up(self, head: Head) -> None:
        """Fold every entry after the last one seen, up to ``head``."""
        if self._seen >= head.seq:
            return
        async with aclosing(self._entries.after(self._seen)) as found:
            async for entry in found:
                if entry["seq"] > head.seq:
                    break
                self._add_stored(entry)
                if len(self._pending) >= _BATCH:
                    await self.write()
        await self.write()

    def _add_stored(self, entry: Entry) -> None:
        try:
            event = EVENTS[entry["type"]].model_validate_json(entry["body"])
        except (KeyError, ValidationError) as error:
            # It was readable when it was journalled: a contract was narrowed since. The entry itself stays.
            self._log.warning("journal entry cannot be folded", seq=entry["seq"], error=str(error)[:500])
            self._seen = entry["seq"]
            return
        self.add(entry["seq"], event, fact_of(entry))

    def _take(self, remediation_id: str, held: Held) -> None:
        first = not self._pending
        self._pending.take(remediation_id, held)
        if len(self._pending) >= _MOST_PENDING:
            self._room.clear()
        if first or self._room_is_short() or self._watchers.watched(remediation_id):
            self._work.set()

    def _room_is_short(self) -> bool:
        return not self._room.is_set()

    async def run(self) -> None:
        """Write what is due; runs until cancelled."""
        while True:
            self._work.clear()
            due = self._due()
            if not due:
                await self._wait()
                continue
            try:
                await self._write(due)
            except PyMongoError as error:
                self._log.warning("remediations could not be written", error=str(error)[:500])
                await asyncio.sleep(_RETRY_SECONDS)

    def _due(self) -> list[str]:
        if self._room_is_short():
            return self._pending.all()
        return self._pending.due(time.monotonic() - HOLD_SECONDS, self._watchers.watched)

    async def _wait(self) -> None:
        oldest = self._pending.oldest()
        try:
            async with asyncio.timeout(
                None if oldest is None else max(oldest + HOLD_SECONDS - time.monotonic(), 0.001)
            ):
                await self._work.wait()
        except TimeoutError:
            pass

    async def write(self, wanted: Callable[[Change], bool] = lambda change: True) -> None:
        """Write what is pending and ``wanted`` now; on an error it stays pending.

        Returns when that is stored, also where it was being written already.
        """
        await self._write(self._pending.wanted(wanted))

    async def _write(self, remediation_ids: Iterable[str]) -> None:
        # One at a time: what a failed write put back must be written before the position moves past it.
        async with self._writing:
            taken = self._pending.pop(remediation_ids)
            if not taken:
                return
            try:
                self._put_back(await self._stored.write(taken))
            except BaseException:
                self._put_back(taken)
                raise
            first = self._pending.first_seq()
            self._written = self._seen if first is None else first - 1
            if len(self._pending) < _MOST_PENDING:
                self._room.set()
            self._watchers.wake(taken)

    def _put_back(self, held: Mapping[str, Held]) -> None:
        for key, each in held.items():
            self._take(key, each)

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
