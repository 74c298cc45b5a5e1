"""Instances that do not come back: what they left unpublished is published by one that lives."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from structlog.typing import FilteringBoundLogger

from suture_chassis.documents import Documents
from suture_chassis.errors import TemporaryError

LOOKS = 6
"""How often an instance beats, and looks at the others, in the time after which it counts as retired."""


class Retired:
    """Reads the watermarks of a service's other instances, and sweeps those that no longer beat.

    Beats are counted and timed by the reader's clock alone: clocks need not agree. An instance that was
    only slow is swept too, which repeats some of its events; consumers drop repeats. Its watermark stays as
    it is, so that it loses nothing when it comes back after all.
    """

    def __init__(
        self,
        collection: AsyncCollection[dict[str, Any]],
        instance: str,
        seconds: float,
        log: FilteringBoundLogger,
    ) -> None:
        self._collection = collection
        self._instance = instance
        self._seconds = seconds
        self._log = log
        self._quiet: dict[str, tuple[int, float]] = {}
        self._looked = float("inf")

    def retired(self) -> dict[str, float]:
        """Who counts as retired since the last look, and for how many seconds no beat was seen of each."""
        return {id: quiet for id, (_, quiet) in self._quiet.items() if quiet >= self._seconds}

    async def watch(self, collections: list[Documents]) -> None:
        """Look now and then; runs until cancelled."""
        while True:
            await asyncio.sleep(self._seconds / LOOKS)
            try:
                for mark in await self._look():
                    if not mark.get("swept") and mark["_id"] in self.retired():
                        await self._sweep(mark, collections)
            except (PyMongoError, TemporaryError) as error:
                self._log.warning("retired_not_swept", error=repr(error))

    async def _look(self) -> list[dict[str, Any]]:
        """The watermarks of the others; counts how long each has not beaten."""
        marks = await self._collection.find({"_id": {"$ne": self._instance}}).to_list()
        now = time.monotonic()
        # While the store could not be read nobody was seen to be silent: perhaps nobody could beat either.
        passed = min(max(now - self._looked, 0.0), 2 * self._seconds / LOOKS)
        known, self._quiet, self._looked = self._quiet, {}, now
        for mark in marks:
            beat, quiet = known.get(mark["_id"], (None, 0.0))
            self._quiet[mark["_id"]] = (_beat(mark), quiet + passed if beat == _beat(mark) else 0.0)
        return marks

    async def _sweep(self, mark: dict[str, Any], collections: list[Documents]) -> None:
        count = 0
        for documents in collections:
            count += await documents.republish(mark["_id"], int(mark["at"]))
        # Not where it beat meanwhile: then it lives, and may leave something again.
        unchanged = {"_id": mark["_id"], "beat": mark.get("beat")}
        await self._collection.update_one(unchanged, {"$set": {"swept": True}})
        self._log.info("retired_swept", instance=mark["_id"], events=count)


def _beat(mark: dict[str, Any]) -> int:
    return int(mark.get("beat") or 0)
