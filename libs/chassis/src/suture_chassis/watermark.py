"""The stored watermark: from where a restarted process publishes its outboxes again."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from structlog.typing import FilteringBoundLogger

from suture_chassis.documents import Documents
from suture_chassis.errors import TemporaryError
from suture_chassis.outbox import Outbox

STORE_SECONDS = 1.0
_RETRY_SECONDS = 1.0
_BEAT = {"$inc": {"beat": 1}, "$unset": {"swept": ""}}


class Watermark:
    """One document per instance in ``<service>_watermarks``: ``{_id: instance, at: microseconds, beat}``.

    ``beat`` counts up while the instance lives, at least every ``beat_seconds``: see ``Retired``.
    """

    def __init__(
        self,
        collection: AsyncCollection[dict[str, Any]],
        outbox: Outbox,
        beat_seconds: float,
        log: FilteringBoundLogger,
    ) -> None:
        self._collection = collection
        self._outbox = outbox
        self._beat_seconds = beat_seconds
        self._beaten = time.monotonic()
        self._log = log
        self._since = self._until = 0
        self._made = -1
        self._loaded = False

    async def load(self) -> None:
        """Read where the last process was; held there until ``sweep`` ends. Raises ``TemporaryError``."""
        mine = {"_id": self._outbox.instance}
        try:
            # There before its first event: whoever looks for the retired ones looks at what is here.
            await self._collection.update_one(mine, {"$max": {"at": 0}, **_BEAT}, upsert=True)
            stored = await self._collection.find_one(mine)
        except PyMongoError as error:
            raise TemporaryError(f"the store did not answer: {type(error).__name__}") from error
        self._since = int(stored["at"]) if stored else 0
        self._outbox.clock.not_before(self._since)
        self._outbox.hold(self._since)
        self._loaded = True
        # What is written from here on is published by whoever writes it.
        self._until = self._outbox.clock.tick()

    async def sweep(self, collections: list[Documents]) -> None:
        """Publish again what the last process wrote and may not have published; repeats until it is done."""
        for documents in collections:
            while True:
                try:
                    count = await documents.republish(self._outbox.instance, self._since, self._until)
                    break
                except (PyMongoError, TemporaryError) as error:
                    self._log.warning("sweep_interrupted", collection=documents.name, error=repr(error))
                    await asyncio.sleep(_RETRY_SECONDS)
            if count:
                self._log.info("outbox_republished", collection=documents.name, events=count)
        self._outbox.release([self._since])

    async def keep(self) -> None:
        """Store it once a second while events are made or wait, else with each beat; until cancelled."""
        while True:
            await asyncio.sleep(STORE_SECONDS)
            await self.store()

    async def store(self) -> None:
        """Store it now, if it moved or a beat is due."""
        made = self._outbox.made
        beats = time.monotonic() - self._beaten >= self._beat_seconds
        # Not before it was loaded: what the last process left is not published yet.
        if not self._loaded or (made == self._made and not beats):
            return
        # An event that is pending keeps it low: it is to be stored again when that one is confirmed.
        settled = self._outbox.pending == 0
        at = self._outbox.watermark()
        try:
            await self._collection.update_one(
                {"_id": self._outbox.instance}, {"$max": {"at": at}, **_BEAT}, upsert=True
            )
        except PyMongoError as error:
            self._log.warning("watermark_not_stored", error=type(error).__name__)
            return
        self._beaten = time.monotonic()
        self._made = made if settled else -1
