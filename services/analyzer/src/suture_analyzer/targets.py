"""The targets as the analyzer knows them: stored, and in memory for the next finding."""

from __future__ import annotations

from typing import Any

from suture_chassis.errors import Conflict
from suture_chassis.messages import Received
from suture_chassis.store import Store
from suture_contracts.target import Target

from suture_analyzer.domain import Registry

COLLECTION = "analyzer_targets"


class Targets:
    """``registry`` is what is registered now; ``keep`` and ``forget`` take events in any order."""

    def __init__(self, store: Store) -> None:
        self._collection = store.collection(COLLECTION)
        self._documents = store.documents(COLLECTION)
        self.registry = Registry()
        self._writes = 0

    async def load(self) -> None:
        """Reads them all anew: another replica may have taken an event."""
        while True:
            before = self._writes
            stored = self._collection.find({"state": "registered"}, {"target": 1})
            registry = Registry([Target.model_validate(document["target"]) async for document in stored])
            if before == self._writes:
                self.registry = registry
                return

    async def keep(self, target: Target, revision: int, cause: Received[Any]) -> bool:
        """Whether this is the newest that is known of the target."""
        values = {"state": "registered", "revision": revision, "target": target.model_dump(mode="json")}
        newest = await self._write(target.id, revision, values, cause)
        if newest:
            self.registry.put(target)
        return newest

    async def forget(self, target_id: str, revision: int, cause: Received[Any]) -> None:
        values = {"state": "removed", "revision": revision, "target": None}
        if await self._write(target_id, revision, values, cause):
            self.registry.remove(target_id)

    async def _write(self, id: str, revision: int, values: dict[str, Any], cause: Received[Any]) -> bool:
        self._writes += 1
        try:
            await self._documents.insert({"_id": id, **values}, cause=cause)
        except Conflict:
            older = {"revision": {"$lt": revision}}
            try:
                await self._documents.update(id, guard=older, change={"$set": values}, cause=cause)
            except Conflict as conflict:
                # A newer revision came first: this one has nothing more to say.
                return bool(conflict.current.get("revision") == revision)
        return True
