"""Reads of the folded remediations: one, a page, and the next change of one."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo import DESCENDING
from pymongo.asynchronous.collection import AsyncCollection

from suture_gateway.change import Change
from suture_gateway.watchers import Watchers

Document = dict[str, Any]
Settle = Callable[[Callable[[Change], bool]], Awaitable[None]]
"""Stores the changes that it is asked for, where they are not stored yet."""

_MOST_PAGE_BYTES = 4_000_000
_MOST_COUNTED = 100_000
# Another instance may have folded the change: look again now and then, without being woken.
_LOOK_AGAIN_SECONDS = 2.0
_NEXT_LOOK_SECONDS = 0.25
_WITHOUT_TEXTS = {
    "script.document": 0,
    "script.finding_json": 0,
    "analysis.finding_json": 0,
    "report": 0,
    "execution.runs_json": 0,
    "rollback.runs_json": 0,
}


async def _as_is(wanted: Callable[[Change], bool]) -> None:
    """For a store whose changes are all in it."""


class BadCursor(ValueError):
    """A cursor that this API did not make."""


class TooManyWaiting(Exception):
    """More callers wait than the process can hold connections for."""


@dataclass(frozen=True, slots=True)
class Page:
    """Documents, newest first; ``cursor`` asks for the next page, None on the last."""

    documents: list[Document]
    cursor: str | None


class Remediations:
    """The read model."""

    def __init__(
        self,
        collection: AsyncCollection[Document],
        watchers: Watchers,
        most_waiting: int,
        settle: Settle = _as_is,
    ) -> None:
        self._collection = collection
        self._watchers = watchers
        self._left = most_waiting
        self._settle = settle

    async def get(self, remediation_id: str) -> Document | None:
        await self._settle(lambda change: change.remediation_id == remediation_id)
        return await self._collection.find_one({"_id": remediation_id})

    async def of_script(self, script_id: str) -> Document | None:
        await self._settle(lambda change: change.script_id == script_id)
        return await self._collection.find_one({"script_id": script_id})

    async def wait_for_script(self, script_id: str, seconds: float) -> Document | None:
        """The remediation of a script, which may be folded within ``seconds``."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            document = await self.of_script(script_id)
            if document is not None or asyncio.get_running_loop().time() >= deadline:
                return document
            await asyncio.sleep(_NEXT_LOOK_SECONDS)

    async def count(self, query: Document) -> int:
        """How many match, counted up to 100,000."""
        await self._settle(lambda change: True)
        return await self._collection.count_documents(query, limit=_MOST_COUNTED)

    async def page(self, query: Document, limit: int, cursor: str | None, *, texts: bool) -> Page:
        """A page of what matches, cut short where it would exceed 4 MB. Raises ``BadCursor``."""
        await self._settle(lambda change: True)
        full = {"$and": [query, _after(cursor)]} if cursor else query
        found = self._collection.find(full, None if texts else _WITHOUT_TEXTS)
        # One more than asked for tells whether there is a next page.
        found = found.sort([("created", DESCENDING), ("_id", DESCENDING)]).limit(limit + 1).batch_size(20)
        documents: list[Document] = []
        size = 0
        async for document in found:
            if len(documents) == limit or size > _MOST_PAGE_BYTES:
                await found.close()
                return Page(documents, _cursor(documents[-1]))
            documents.append(document)
            size += len(document.get("script", {}).get("document", ""))
            size += len(document.get("report", {}).get("report_json", ""))
        return Page(documents, None)

    async def wait(
        self,
        remediation_id: str,
        until: Callable[[Document], bool],
        seconds: float,
    ) -> Document | None:
        """The document once ``until`` holds, or as it is after ``seconds``; None where there is none."""
        document = await self.get(remediation_id)
        if seconds <= 0 or (document is not None and until(document)):
            return document
        deadline = asyncio.get_running_loop().time() + seconds
        with self.watching(remediation_id) as changed:
            while True:
                changed.clear()
                document = await self.get(remediation_id)
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0 or (document is not None and until(document)):
                    return document
                try:
                    await asyncio.wait_for(changed.wait(), min(left, _LOOK_AGAIN_SECONDS))
                except TimeoutError:
                    pass

    @contextmanager
    def watching(self, remediation_id: str) -> Iterator[asyncio.Event]:
        """An event that is set at each change of it. Raises ``TooManyWaiting``."""
        if self._left <= 0:
            raise TooManyWaiting
        self._left -= 1
        try:
            with self._watchers.watching(remediation_id) as changed:
                yield changed
        finally:
            self._left += 1


def _cursor(document: Document) -> str:
    text = json.dumps([round(document["created"].timestamp() * 1000), document["_id"]])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _after(cursor: str) -> Document:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, remediation_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(at, int) or not isinstance(remediation_id, str):
            raise ValueError("not a pair of time and id")
        created = datetime.fromtimestamp(at / 1000, UTC)
    except (ValueError, binascii.Error, TypeError, OverflowError, OSError) as error:
        raise BadCursor("take the cursor from the last page's answer, unchanged") from error
    return {"$or": [{"created": {"$lt": created}}, {"created": created, "_id": {"$lt": remediation_id}}]}
