"""Findings that say the same of the same targets within a while: the first is remedied, the others count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from suture_chassis.documents import Written
from suture_chassis.errors import Conflict, TemporaryError
from suture_chassis.messages import Received
from suture_chassis.store import Store
from suture_contracts.events import Repeat

STORMS = "finding_storms"
_TRIES = 5


class Storms:
    """One document a fingerprint; ``window`` is seconds from the first finding, 0 lets each stand alone."""

    def __init__(self, store: Store, window: float) -> None:
        self._documents = store.documents(STORMS, events=False)
        self._window = window

    async def first_of(self, fingerprint: str, remediation_id: UUID, cause: Received[Any]) -> Repeat | None:
        """The remediation that this finding counts towards, and its count; ``None`` where it is the first.

        The same message again gets the same answer, and counts once.
        """
        if not self._window:
            return None
        ours = str(remediation_id)
        for _ in range(_TRIES):
            try:
                begun = {"_id": fingerprint, **self._begun(ours)}
                if await self._documents.insert(begun, cause=cause) is Written.APPLIED:
                    return None
                # This very message was here before: the document says as what.
                return await self._repeat(fingerprint, ours)
            except Conflict as conflict:
                known = conflict.current
            guard = {"first": known["first"], "until": known["until"]}
            is_over = known["until"] < datetime.now(UTC)
            change = {"$set": self._begun(ours)} if is_over else {"$inc": {"count": 1}}
            try:
                await self._documents.update(fingerprint, guard=guard, change=change, cause=cause)
            except Conflict:
                continue  # Another finding began the storm anew meanwhile.
            return None if is_over else await self._repeat(fingerprint, ours)
        raise TemporaryError(f"findings of {fingerprint[:12]} come faster than they can be counted")

    async def _repeat(self, fingerprint: str, ours: str) -> Repeat | None:
        # Others may have counted since: whoever reads last tells the whole count.
        known = await self._documents.get(fingerprint)
        if known is None or known["first"] == ours:
            return None
        return Repeat(remediation_id=UUID(known["first"]), count=known["count"])

    def _begun(self, first: str) -> dict[str, Any]:
        until = datetime.now(UTC) + timedelta(seconds=self._window)
        return {"state": "counting", "first": first, "count": 1, "until": until}
