"""Guarded writes of one document, with its inbox and outbox inside."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum
from typing import Any
from uuid import uuid4

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from suture_contracts.base import Event

from suture_chassis.commit import GroupCommit, Write
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_chassis.metrics import Metrics
from suture_chassis.outbox import Entry, Outbox

INBOX_LENGTH = 200
OUTBOX_LENGTH = 32
_END_OF_TIME = 2**62
_HIDDEN = {"inbox": 0, "outbox": 0}
_OPERATORS = {"$set", "$unset", "$inc", "$push", "$addToSet", "$pull", "$min", "$max", "$setOnInsert"}


class Written(Enum):
    """What a write came to: made now, or made before because of the same message."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"


class Documents:
    """One collection, whose documents change by single atomic writes.

    A message changes a document once: its whole effect on it is one call. A document has ``_id`` (str) and
    ``state``; ``inbox`` holds the keys of the messages that changed it (the
    newest 200), ``outbox`` the events that it led to (the newest 32), as the bytes that are published.

    Without ``has_events`` there are none, and no index that finds them: each index costs every write.
    """

    def __init__(
        self,
        collection: AsyncCollection[dict[str, Any]],
        outbox: Outbox,
        metrics: Metrics,
        *,
        has_events: bool = True,
        linger: float = 0.0,
    ) -> None:
        self.name = collection.name
        self._has_events = has_events
        self._collection = collection
        self._outbox = outbox
        self._commit = GroupCommit(collection, metrics.batch_size, linger)
        self._settling: set[asyncio.Task[None]] = set()

    async def get(self, id: str) -> dict[str, Any] | None:
        """The document without inbox and outbox. Raises ``TemporaryError`` when the store is down."""
        return await self._find(id, _HIDDEN)

    async def newest_event(self, id: str, type: str) -> bytes | None:
        """The body of the newest event of that type that a document led to, among its newest 32."""
        document = await self._find(id, {"outbox": 1})
        events = [Entry.of(stored) for stored in (document or {}).get("outbox", ())]
        return next((event.body for event in reversed(events) if event.type == type), None)

    async def insert(
        self, document: dict[str, Any], *, events: Sequence[Event] = (), cause: Received[Any] | None = None
    ) -> Written:
        """Write a new document and its events in one insert, then publish them.

        There already because of the same message → the stored events are published again, ``DUPLICATE``;
        because of another one → raises ``Conflict``. Raises ``TemporaryError`` when the store is down.
        """
        id = _document_id(document)
        entries = self._entries(id, events, cause)
        marks = _marks(cause, entries)
        full = {**document, "inbox": marks, "outbox": [entry.stored() for entry in entries]}
        return await self._write(Write(id, insert=full), entries, marks, cause)

    async def update(
        self,
        id: str,
        *,
        guard: dict[str, Any],
        change: dict[str, Any],
        events: Sequence[Event] = (),
        cause: Received[Any] | None = None,
    ) -> Written:
        """Change a document that is as ``guard`` says and record its events, in one update; publish them.

        ``change`` holds update operators (``{"$set": …}``), or nothing where only events are recorded. Not as
        ``guard`` says: changed by the same message already → the stored events are published again,
        ``DUPLICATE``; else raises ``Conflict`` with the document as it is (status 404 where there is none).
        Raises ``TemporaryError`` when the store is down.
        """
        _check(guard, change)
        entries = self._entries(id, events, cause)
        marks = _marks(cause, entries)
        push = {**change.get("$push", {}), "inbox": {"$each": marks, "$slice": -INBOX_LENGTH}}
        if entries:
            push["outbox"] = {"$each": [entry.stored() for entry in entries], "$slice": -OUTBOX_LENGTH}
        query: dict[str, Any] = {"_id": id, **guard}
        if cause is not None:
            # The guard may still hold after the first time: the message itself must not count twice.
            query["inbox"] = {"$ne": cause.key}
        write = Write(id, update=UpdateOne(query, {**change, "$push": push}))
        return await self._write(write, entries, marks, cause)

    async def prepare(self) -> None:
        """The index that finds what is to be published again after a crash."""
        if self._has_events:
            await self._collection.create_index("outbox.at")

    async def republish(self, instance: str, since: int, until: int = _END_OF_TIME) -> int:
        """Publish again what ``instance`` wrote from ``since`` to before ``until`` (µs); says how many."""
        if not self._has_events:
            return 0
        count = 0
        written = {"outbox": {"$elemMatch": {"by": instance, "at": {"$gte": since, "$lt": until}}}}
        async for document in self._collection.find(written, {"outbox": 1}):
            entries = [Entry.of(stored) for stored in document["outbox"]]
            due = [entry for entry in entries if entry.by == instance and since <= entry.at < until]
            await self._outbox.publish(due)
            count += len(due)
        return count

    async def send_again(self, keyid: str, since: int) -> int:
        """Publish again what any instance wrote from ``since`` (µs) and signed by that key; says how many."""
        if not self._has_events:
            return 0
        count = 0
        async for document in self._collection.find({"outbox.at": {"$gte": since}}, {"outbox": 1}):
            entries = [Entry.of(stored) for stored in document["outbox"]]
            due = [entry for entry in entries if entry.signature.startswith(f"{keyid}:")]
            await self._outbox.publish(due)
            count += len(due)
        return count

    def close(self) -> None:
        for task in self._settling:
            task.cancel()

    def _entries(self, id: str, events: Sequence[Event], cause: Received[Any] | None) -> list[Entry]:
        if events and not self._has_events:
            raise ValueError(f"{self.name} was said to have no events")
        return self._outbox.entries(id, events, cause)

    async def _write(
        self, write: Write, entries: list[Entry], marks: list[str], cause: Received[Any] | None
    ) -> Written:
        try:
            certain = await self._commit.submit(write)
            found = None if certain else await self._look(write.id, entries, marks, cause)
        except PermanentError:
            self._outbox.release(entry.at for entry in entries)
            raise
        except (TemporaryError, asyncio.CancelledError):
            # Whether it was written is unknown, and nothing may come that tries again.
            self._settle_later(write.id, entries)
            raise
        if found is None:
            try:
                await self._outbox.publish(entries)
            except asyncio.CancelledError:
                self._settle_later(write.id, entries)
                raise
            return Written.APPLIED
        self._outbox.release(entry.at for entry in entries)
        await self._outbox.publish(found)
        return Written.DUPLICATE

    async def _look(
        self, id: str, entries: list[Entry], marks: list[str], cause: Received[Any] | None
    ) -> list[Entry] | None:
        """``None``: this very write was made. A list: the events of an earlier one for the same message."""
        document = await self._find(id, None)
        if document is None:
            raise _missing(self.name, id)
        stored = [Entry.of(entry) for entry in document.get("outbox", ())]
        inbox = document.get("inbox", ())
        if entries:
            ours = (entries[0].by, entries[0].at)
            if any((entry.by, entry.at) == ours for entry in stored):
                return None
        elif marks[-1] in inbox:
            return None
        if cause is not None:
            earlier = [entry for entry in stored if entry.cause == cause.key]
            if earlier or cause.key in inbox:
                return earlier
        current = {key: value for key, value in document.items() if key not in _HIDDEN}
        raise Conflict(
            f"{self.name} {id} is in the state {current.get('state')!r} and does not allow this",
            current=current,
            field="state",
            remedy="look at the current state and decide again",
        )

    async def _find(self, id: str, projection: dict[str, int] | None) -> dict[str, Any] | None:
        try:
            return await self._collection.find_one({"_id": id}, projection)
        except PyMongoError as error:
            raise TemporaryError(f"the store did not answer: {type(error).__name__}") from error

    def _settle_later(self, id: str, entries: list[Entry]) -> None:
        if entries:
            task = asyncio.create_task(self._settle(id, entries))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)

    async def _settle(self, id: str, entries: list[Entry], *, pause: float = 5.0) -> None:
        """Find out whether a doubtful write was made; publish its events if so. The watermark waits."""
        while True:
            await asyncio.sleep(pause)
            try:
                document = await self._find(id, {"outbox": 1})
            except TemporaryError:
                continue
            ours = {(entry.by, entry.at) for entry in entries}
            stored = [Entry.of(entry) for entry in (document or {}).get("outbox", ())]
            if any((entry.by, entry.at) in ours for entry in stored):
                await self._outbox.publish(entries)
            self._outbox.release(entry.at for entry in entries)
            return


def _marks(cause: Received[Any] | None, entries: list[Entry]) -> list[str]:
    """What the inbox remembers. A write without events leaves a mark of its own, to be told from others."""
    keys = [cause.key] if cause is not None else []
    return keys if entries else [*keys, f"~{uuid4().hex}"]


def _document_id(document: dict[str, Any]) -> str:
    id = document.get("_id")
    if not isinstance(id, str) or not id or "state" not in document:
        raise ValueError("a document has an _id, a string, and a state")
    if "inbox" in document or "outbox" in document:
        raise ValueError("inbox and outbox are not the caller's to write")
    return id


def _check(guard: dict[str, Any], change: dict[str, Any]) -> None:
    if not set(change) <= _OPERATORS:
        raise ValueError(f"a change holds update operators only: {', '.join(sorted(_OPERATORS))}")
    touched = {field.partition(".")[0] for fields in change.values() for field in fields}
    if touched & {"inbox", "outbox", "_id"} or {"inbox", "_id"} & set(guard):
        raise ValueError("_id, inbox and outbox are not the caller's to guard or change")


def _missing(collection: str, id: str) -> Conflict:
    error = Conflict(f"{collection} has no {id}", field="id", remedy="name one that exists")
    error.status = 404
    return error
