"""The journal: every event once, in a hash chain, written in batches that survive a kill at any point."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo.errors import DuplicateKeyError, PyMongoError
from suture_chassis.custody.chain import Fact, Head
from suture_chassis.errors import PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_contracts.base import Event

from suture_gateway.entries import Entries
from suture_gateway.fold import remediation_of

Fold = Callable[[int, Event, Fact], None]

_BATCH = 256
# Far below what a document of the store may hold, whatever else is in it.
_BATCH_BYTES = 4_000_000
_ATTEMPTS = 8
# Under load a short wait lets more entries share a write. When idle, and where there are many, there is none.
_FEW, _MANY = 4, 40
_LINGER_SECONDS = 0.1
LOOK_SECONDS = 3.0
"""How often an idle journal looks for what other gateways wrote: they may not be there to fold it."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Waiting:
    fact: Fact
    event: Event
    body: bytes
    done: asyncio.Future[None]


class Journal:
    """Appends events; whoever appends waits until theirs is stored.

    ``folded`` is called once for each new entry, in the chain's order; ``reread`` is awaited whenever it is
    not certain what the store holds, with the head found there.
    """

    def __init__(self, entries: Entries, folded: Fold, reread: Callable[[Head], Awaitable[None]]) -> None:
        self._entries = entries
        self._folded = folded
        self._reread = reread
        self._head: Head | None = None
        self._waiting: list[_Waiting] = []
        self._work = asyncio.Event()

    @property
    def head(self) -> Head | None:
        """The last entry that is known to be stored; None while that is not certain."""
        return self._head

    async def open(self) -> None:
        """Create the index, find the head, and fold what a crash left unfolded."""
        await self._entries.open()
        await self._find_head()

    async def append(self, received: Received[Event]) -> None:
        """Record an event. Returns once it is stored, also where it was before."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(_fact(received), received.message, received.body, done))
        self._work.set()
        await done

    async def run(self) -> None:
        """Write what waits, batch by batch; look for what others wrote. Runs until cancelled."""
        busy = False
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._work.wait()
            except TimeoutError:
                await self._look()
                continue
            if busy:
                await asyncio.sleep(_LINGER_SECONDS)
            batch = self._next_batch()
            busy = _FEW <= len(batch) < _MANY
            await self._record(batch)

    async def _look(self) -> None:
        try:
            await self._find_head()
        except (PyMongoError, TemporaryError):
            self._head = None

    def _next_batch(self) -> list[_Waiting]:
        size = count = 0
        for waiting in self._waiting[:_BATCH]:
            size += len(waiting.body)
            if count and size > _BATCH_BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        if not self._waiting:
            self._work.clear()
        return batch

    async def _record(self, batch: Sequence[_Waiting]) -> None:
        try:
            await self._write(batch)
        except asyncio.CancelledError:
            _settle(batch, TemporaryError("the journal was stopped"))
            raise
        except (PyMongoError, TemporaryError) as error:
            # What the store holds now is not certain: the next batch starts from what it says.
            self._head = None
            _settle(batch, TemporaryError(f"the journal could not be written: {error}"))
        except Exception as error:
            self._head = None
            if len(batch) == 1:
                _settle(batch, PermanentError(f"the event cannot be journalled: {error}"))
                return
            # One event that cannot be stored must not take the others with it.
            for waiting in batch:
                await self._record([waiting])

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        left = _first_of_each_key(batch)
        for _ in range(_ATTEMPTS):
            head = self._head or await self._find_head()
            if not left:
                break
            try:
                await self._insert(head, left)
                left = []
                break
            except DuplicateKeyError:
                self._head = None
                stored = await self._entries.stored(waiting.fact.key for waiting in left)
                left = [waiting for waiting in left if waiting.fact.key not in stored]
        if left:
            raise TemporaryError("other writers kept taking the journal's next place")
        _settle(batch, None)

    async def _insert(self, head: Head, batch: Sequence[_Waiting]) -> None:
        places = await self._entries.append(head, [(waiting.fact, waiting.body) for waiting in batch])
        self._head = places[-1]
        for waiting, place in zip(batch, places, strict=True):
            self._folded(place.seq, waiting.event, waiting.fact)

    async def _find_head(self) -> Head:
        head = await self._entries.head()
        await self._reread(head)
        self._head = head
        return head


def _fact(received: Received[Event]) -> Fact:
    remediation = remediation_of(received.message, event_id=received.id, source=received.source)
    return Fact(
        # The type is part of it, so that a stranger's finding cannot take the place of a service's event.
        key=f"{received.type} {received.source} {received.id}",
        event_id=received.id,
        source=received.source,
        type=received.type,
        remediation_id=None if remediation is None else str(remediation),
        at_ms=int((_time(received) - _EPOCH).total_seconds() * 1000),
        body_digest=received.digest,
        signer=received.signer,
        signature=received.signature,
    )


def _time(received: Received[Event]) -> datetime:
    # A stranger's clock is not believed, and nothing happened in the future.
    now = datetime.now(UTC)
    return now if received.signer is None else min(received.time, now)


def time_of(fact: Fact) -> datetime:
    """The event's time, to the millisecond that the journal keeps."""
    return datetime.fromtimestamp(fact.at_ms / 1000, UTC)


def _first_of_each_key(batch: Sequence[_Waiting]) -> list[_Waiting]:
    first: dict[str, _Waiting] = {}
    for waiting in batch:
        first.setdefault(waiting.fact.key, waiting)
    return list(first.values())


def _settle(batch: Sequence[_Waiting], error: Exception | None) -> None:
    for waiting in batch:
        if waiting.done.done():
            continue
        if error is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(error)
            waiting.done.exception()  # read once: a waiter that was cancelled meanwhile is no error
