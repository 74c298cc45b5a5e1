"""The journal as it is stored: a document a batch, so that a batch is there whole or not at all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.asynchronous.collection import AsyncCollection
from suture_chassis.custody.chain import Fact, Head, link

Collection = AsyncCollection[dict[str, Any]]
Entry = dict[str, Any]
"""``{seq, previous, digest, body}`` and the fields of its ``Fact``."""


class Entries:
    """Documents ``{_id: the first entry's seq, keys, entries}``.

    A second writer cannot fork the chain: whoever writes after a head takes the same ``_id``. An event that
    is already there is refused by the unique index on ``keys``.
    """

    def __init__(self, batches: Collection) -> None:
        self._batches = batches

    async def open(self) -> None:
        """Create the index."""
        await self._batches.create_index([("keys", ASCENDING)], unique=True)

    async def head(self) -> Head:
        """The last entry."""
        newest = await self._batches.find().sort([("_id", DESCENDING)]).limit(1).to_list()
        if not newest:
            return Head()
        last = newest[0]["entries"][-1]
        return Head(last["seq"], last["digest"])

    async def append(self, head: Head, batch: Sequence[tuple[Fact, bytes]]) -> list[Head]:
        """Store a batch after ``head``; returns each one's place.

        Raises:
            DuplicateKeyError: another writer was there first, or an event of the batch is already stored;
                nothing was written.
        """
        linked = link(head, [fact for fact, _ in batch])
        entries = [
            {"seq": place.seq, **fact.fields(), "body": body, "previous": previous, "digest": place.digest}
            for (fact, body), (place, previous) in zip(batch, linked, strict=True)
        ]
        keys = [fact.key for fact, _ in batch]
        await self._batches.insert_one({"_id": head.seq + 1, "keys": keys, "entries": entries})
        return [place for place, _ in linked]

    async def stored(self, keys: Iterable[str]) -> set[str]:
        """Those of ``keys`` whose events are in the journal."""
        wanted = set(keys)
        found = self._batches.find({"keys": {"$in": list(wanted)}}, {"keys": 1})
        return {key async for batch in found for key in batch["keys"]} & wanted

    async def after(self, seq: int) -> AsyncGenerator[Entry, None]:
        """The entries that follow number ``seq``, in their order."""
        holding = (
            await self._batches.find({"_id": {"$lte": seq + 1}}, {"_id": 1})
            .sort([("_id", DESCENDING)])
            .limit(1)
            .to_list()
        )
        first = holding[0]["_id"] if holding else 0
        found = self._batches.find({"_id": {"$gte": first}}).sort([("_id", ASCENDING)]).batch_size(10)
        async with found:
            async for batch in found:
                for entry in batch["entries"]:
                    if entry["seq"] > seq:
                        yield entry
