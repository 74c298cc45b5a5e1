"""Keys that count no more: what they signed and may still be under way is sent again, signed anew."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from structlog.typing import FilteringBoundLogger

from suture_chassis.custody import Signer, TrustStore
from suture_chassis.documents import Documents
from suture_chassis.errors import TemporaryError

UNDER_WAY = timedelta(days=1)
"""How long before its key ended a message may have been sent that nobody has taken yet."""
LONG_AGO = timedelta(days=30)
"""A key that ended before that is let be: an instance that is new would look through all since then."""
LOOK_SECONDS = 5.0


class Renewed:
    """Looks at the service's own keys in the trust store, and sends again once for each that ended.

    A receiver refuses what a revoked key signed, even of a time before: the time is the sender's own word.
    What lies in this service's store is its own, so that it can say it again; whoever has the message already
    drops the repeat. Which keys are done is kept in the instance's watermark document.
    """

    def __init__(
        self,
        collection: AsyncCollection[dict[str, Any]],
        instance: str,
        signer: Signer,
        trust: TrustStore,
        log: FilteringBoundLogger,
    ) -> None:
        self._collection = collection
        self._instance = instance
        self._signer = signer
        self._trust = trust
        self._log = log
        self._done: set[str] | None = None

    async def watch(self, collections: list[Documents]) -> None:
        """Look now and then; runs until cancelled."""
        while True:
            try:
                await self._look(collections)
            except (PyMongoError, TemporaryError) as error:
                self._log.warning("not_sent_again", error=repr(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, collections: list[Documents]) -> None:
        ended = self._trust.ended(self._signer.name)
        if self._signer.keyid in ended:
            self._log.error("signing_key_ended", keyid=self._signer.keyid, remedy="start with a current key")
            return
        if self._done is None:
            mark = await self._collection.find_one({"_id": self._instance}, {"sent_again": 1})
            self._done = set((mark or {}).get("sent_again", ()))
        recent = {keyid for keyid, end in ended.items() if datetime.now(UTC) - end < LONG_AGO}
        for keyid in recent - self._done:
            since = int((ended[keyid] - UNDER_WAY).timestamp() * 1_000_000)
            count = 0
            for documents in collections:
                count += await documents.send_again(keyid, since)
            mine = {"_id": self._instance}
            await self._collection.update_one(mine, {"$addToSet": {"sent_again": keyid}})
            self._done.add(keyid)
            self._log.info("sent_again", keyid=keyid, events=count)
