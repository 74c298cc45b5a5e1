"""Group commit: what is waiting goes to the store in one round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bson.errors import BSONError
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DocumentTooLarge

from suture_chassis.errors import PermanentError, TemporaryError

MAX_BATCH = 64
_DUPLICATE_KEY = 11000
# What one document of a batch does to all of it, before or instead of being written.
_UNENCODABLE = (BSONError, DocumentTooLarge, OverflowError, TypeError, ValueError)


@dataclass(slots=True)
class Write:
    """One document's write. Its future says whether it matched; ``marks`` tells it in the document."""

    id: str
    insert: dict[str, Any] | None = None
    update: UpdateOne | None = None
    done: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class GroupCommit:
    """One flusher for one collection. ``observe`` gets each batch's size.

    ``submit`` answers whether the write was certainly made; ``False`` means that the document has to be
    looked at. Raises ``TemporaryError`` when the store did not answer: then nobody knows. ``linger`` seconds
    are waited for more before each batch that is not full.
    """

    def __init__(
        self,
        collection: AsyncCollection[dict[str, Any]],
        observe: Callable[[int], None],
        linger: float = 0.0,
    ) -> None:
        self._collection = collection
        self._observe = observe
        self._linger = linger
        self._waiting: list[Write] = []
        self._flusher: asyncio.Task[None] | None = None

    async def submit(self, write: Write) -> bool:
        self._waiting.append(write)
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return await write.done

    async def _flush(self) -> None:
        try:
            while self._waiting:
                if self._linger and len(self._waiting) < MAX_BATCH:
                    await asyncio.sleep(self._linger)
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                self._observe(len(batch))
                inserts = [write for write in batch if write.insert is not None]
                updates = [write for write in batch if write.insert is None]
                if inserts and updates:
                    await asyncio.gather(self._attempt(inserts), self._attempt(updates))
                else:
                    await self._attempt(batch)
        except asyncio.CancelledError:
            _fail(self._waiting, TemporaryError("the write was interrupted"))
            self._waiting = []
            raise
        finally:
            self._flusher = None

    async def _attempt(self, writes: list[Write]) -> None:
        try:
            made = await (self._insert(writes) if writes[0].insert is not None else self._update(writes))
        except _UNENCODABLE as error:
            await self._one_by_one(writes, error)
        except Exception as error:
            _fail(writes, TemporaryError(f"the store did not answer: {type(error).__name__}"))
        except BaseException:
            _fail([*writes, *self._waiting], TemporaryError("the write was interrupted"))
            self._waiting = []
            raise
        else:
            for write, certain in zip(writes, made, strict=True):
                if not write.done.done():
                    write.done.set_result(certain)

    async def _insert(self, writes: list[Write]) -> list[bool]:
        try:
            await self._collection.insert_many([w.insert for w in writes if w.insert], ordered=False)
        except BulkWriteError as error:
            details = error.details or {}
            if details.get("writeConcernErrors"):
                raise
            failed = {item["index"]: item for item in details.get("writeErrors", ())}
            for index, item in failed.items():
                if item.get("code") != _DUPLICATE_KEY:
                    _fail([writes[index]], _refused(item))
            return [index not in failed for index in range(len(writes))]
        return [True] * len(writes)

    async def _update(self, writes: list[Write]) -> list[bool]:
        try:
            result = await self._collection.bulk_write([w.update for w in writes if w.update], ordered=False)
        except BulkWriteError as error:
            details = error.details or {}
            if details.get("writeConcernErrors"):
                raise
            for item in details.get("writeErrors", ()):
                _fail([writes[item["index"]]], _refused(item))
            return [False] * len(writes)
        # The store says how many matched, not which: when one did not, all look into their documents.
        return [result.matched_count == len(writes)] * len(writes)

    async def _one_by_one(self, writes: list[Write], error: Exception) -> None:
        if len(writes) == 1:
            _fail(
                writes,
                PermanentError(
                    f"the document cannot be stored: {type(error).__name__}: {str(error)[:200]}",
                    field="document",
                    remedy="shorten it, and use values that BSON knows",
                ),
            )
            return
        for write in writes:
            await self._attempt([write])


def _refused(item: dict[str, Any]) -> PermanentError:
    return PermanentError(
        f"the store refused the document: {str(item.get('errmsg'))[:300]}", field="document", status=422
    )


def _fail(writes: list[Write], error: Exception) -> None:
    for write in writes:
        if not write.done.done():
            write.done.set_exception(error)
