"""Reads of the journal as it is stored, for an auditor who checks it on their own."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection
from suture_chassis.custody.audit import JournalEntry, SignedHead

from suture_gateway.entries import Entries

Collection = AsyncCollection[dict[str, Any]]

_MOST_PAGE_BYTES = 4_000_000
# So many entries are looked at for those of one remediation: there is no index, which each write would pay.
_WINDOW = 2_000


class JournalReads:
    """Pages of entries and signed heads, in their order; ``None`` as next says that there are no more."""

    def __init__(self, entries: Entries, heads: Collection) -> None:
        self._entries = entries
        self._heads = heads

    async def entries(self, after: int, limit: int) -> tuple[list[JournalEntry], int | None]:
        """The entries that follow number ``after``, at most ``limit`` or a little over 4 MB."""
        page: list[JournalEntry] = []
        size = 0
        async with aclosing(self._entries.after(after)) as found:
            async for entry in found:
                if len(page) == limit or size > _MOST_PAGE_BYTES:
                    return page, page[-1].seq
                page.append(JournalEntry.of(entry))
                size += len(entry["body"])
        return page, None

    async def of_remediation(self, remediation_id: str, after: int) -> tuple[list[JournalEntry], int | None]:
        """Those of one remediation among the next 2,000 entries."""
        page: list[JournalEntry] = []
        size, last = 0, after
        async with aclosing(self._entries.after(after)) as found:
            async for entry in found:
                if size > _MOST_PAGE_BYTES or entry["seq"] > after + _WINDOW:
                    return page, last
                last = entry["seq"]
                if entry["remediation_id"] == remediation_id:
                    page.append(JournalEntry.of(entry))
                    size += len(entry["body"])
        return page, None

    async def heads(self, after: int, limit: int) -> tuple[list[SignedHead], int | None]:
        """The signed heads of entries after number ``after``."""
        found = self._heads.find({"_id": {"$gt": after}}).sort([("_id", ASCENDING)]).limit(limit + 1)
        documents = await found.to_list()
        page = [
            SignedHead(seq=each["_id"], **{name: each[name] for name in ("statement", "keyid", "signature")})
            for each in documents[:limit]
        ]
        return page, page[-1].seq if len(documents) > limit else None
