"""The stop switch: for everything or for one target; what cannot be read counts as stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Literal

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from suture_chassis.errors import Conflict, TemporaryError
from suture_chassis.messages import Received
from suture_chassis.store import Documents
from suture_contracts.base import Reply
from suture_contracts.commands import Resume, Stop

FRESH_SECONDS = 5.0
_GLOBAL = "global"
Word = Literal["pause", "abort"]


class Stops:
    """Read once a second into memory; older than five seconds, everything counts as paused."""

    def __init__(
        self,
        documents: Documents,
        collection: AsyncCollection[dict[str, Any]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._documents = documents
        self._collection = collection
        self._clock = clock
        self._set: dict[str, Word] = {}
        self._read_at = float("-inf")

    async def refresh(self) -> None:
        """Raises ``TemporaryError`` when the store is down."""
        asked = self._clock()
        try:
            found = await self._collection.find(
                {"state": {"$in": ["pause", "abort"]}}, {"state": 1}
            ).to_list()
        except PyMongoError as error:
            raise TemporaryError(f"the store did not answer: {type(error).__name__}") from error
        self._set = {document["_id"]: document["state"] for document in found}
        self._read_at = asked

    def stopped(self, targets: Iterable[str]) -> Word | None:
        """Whether a run on these targets may not start, and whether what runs there shall end."""
        words = {self._set.get(_GLOBAL), *(self._set.get(_key(target)) for target in targets)}
        if "abort" in words:
            return "abort"
        if "pause" in words or self._clock() - self._read_at > FRESH_SECONDS:
            return "pause"
        return None

    async def stop(self, received: Received[Stop]) -> Reply:
        command = received.message
        await self._write(_key(command.target_id), command.mode, received, command.reason)
        return Reply(status=200, body={"stop": {"target_id": command.target_id, "mode": command.mode}})

    async def resume(self, received: Received[Resume]) -> Reply:
        await self._write(_key(received.message.target_id), "running", received, "")
        return Reply(status=200, body={"stop": None, "target_id": received.message.target_id})

    async def _write(self, id: str, state: str, received: Received[Any], reason: str) -> None:
        fields = {"state": state, "by": received.message.principal.id, "reason": reason, "at": received.time}
        try:
            await self._documents.insert({"_id": id, **fields}, cause=received)
        except Conflict:
            await self._documents.update(id, guard={}, change={"$set": fields}, cause=received)
        await self.refresh()


def _key(target: str | None) -> str:
    return _GLOBAL if target is None else f"target:{target}"
