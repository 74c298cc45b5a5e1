"""One remediation at a time on a target: lock documents, taken in order, freed when nothing runs there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from suture_chassis.commit import GroupCommit, Write
from suture_chassis.errors import TemporaryError

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0


class Locks:
    """``ended`` says of an execution whether it has ended for certain: what it still holds is left over."""

    def __init__(
        self, collection: AsyncCollection[dict[str, Any]], ended: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._collection = collection
        self._commit = GroupCommit(collection, lambda size: None)
        self._ended = ended
        self._here: dict[str, asyncio.Lock] = {}
        self._waiting: dict[str, int] = {}
        self._freed: list[tuple[str, str, asyncio.Future[None]]] = []
        self._freeing: asyncio.Task[None] | None = None

    async def take(self, targets: Sequence[str], holder: str) -> None:
        """Wait until all targets are the holder's. Cancelled or failed, it holds nothing in this process."""
        taken: list[str] = []
        try:
            for target in sorted(set(targets)):
                pause = _FIRST_PAUSE
                while True:
                    await self._take_here(target)
                    taken.append(target)
                    if await self._take_there(target, holder):
                        break
                    # After a crash the stored holder may be one that waits here for its turn: let it pass.
                    self.leave([taken.pop()])
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
        except BaseException:
            self.leave(taken)
            raise

    async def give_back(self, targets: Sequence[str], holder: str) -> None:
        """Raises ``TemporaryError`` when the store is down; the locks are then found left over later."""
        names = sorted(set(targets))
        try:
            await asyncio.gather(*(self._free(target, holder) for target in names))
        finally:
            self.leave(names)

    def leave(self, targets: Sequence[str]) -> None:
        """Give back in this process alone: the lock documents stay."""
        for target in set(targets):
            self._here[target].release()
            self._waiting[target] -= 1
            if not self._waiting[target]:
                del self._here[target], self._waiting[target]

    async def free_unknown(self, target: str, is_unknown: Callable[[str], Awaitable[bool]]) -> None:
        """Free a target that an execution of unknown outcome holds: an operator looked at it."""
        try:
            found = await self._collection.find_one({"_id": target})
            if found is not None and await is_unknown(found["holder"]):
                await self._collection.delete_one({"_id": target, "holder": found["holder"]})
        except PyMongoError as error:
            raise _down(error) from error

    async def _take_here(self, target: str) -> None:
        lock = self._here.setdefault(target, asyncio.Lock())
        self._waiting[target] = self._waiting.get(target, 0) + 1
        try:
            await lock.acquire()
        except BaseException:
            self._waiting[target] -= 1
            raise

    async def _take_there(self, target: str, holder: str) -> bool:
        if await self._commit.submit(Write(target, insert={"_id": target, "holder": holder})):
            return True
        return await self._is_ours(target, holder)

    async def _is_ours(self, target: str, holder: str) -> bool:
        try:
            found = await self._collection.find_one({"_id": target})
            if found is None or found["holder"] == holder:
                return found is not None
            if not await self._ended(found["holder"]):
                return False
            done = await self._collection.update_one(
                {"_id": target, "holder": found["holder"]}, {"$set": {"holder": holder}}
            )
        except PyMongoError as error:
            raise _down(error) from error
        return done.matched_count == 1

    async def _free(self, target: str, holder: str) -> None:
        freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._freed.append((target, holder, freed))
        if self._freeing is None:
            self._freeing = asyncio.create_task(self._free_all())
        await freed

    async def _free_all(self) -> None:
        try:
            while self._freed:
                batch, self._freed = self._freed, []
                pairs = {
                    "_id": {"$in": [t for t, _, _ in batch]},
                    "holder": {"$in": [h for _, h, _ in batch]},
                }
                problem: Exception | None = None
                try:
                    await self._collection.delete_many(pairs)
                except PyMongoError as error:
                    problem = _down(error)
                for _, _, freed in batch:
                    if not freed.done():
                        freed.set_exception(problem) if problem else freed.set_result(None)
        finally:
            self._freeing = None


def _down(error: PyMongoError) -> TemporaryError:
    return TemporaryError(f"the store did not answer: {type(error).__name__}")
