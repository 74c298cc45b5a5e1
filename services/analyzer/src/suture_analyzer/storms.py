"""Findings that say the same of the same targets within a while: the first is remedied, the others count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from suture_chassis.documents import Written
from suture_chassis.errors import Conflict, TemporaryError
from suture_chassis.messages import Received
from suture_chassis.store import Store

STORMS = "finding_storms"
_TRIES = 5


class Storms:
    """One document a fingerprint; ``window`` is seconds from the first finding, 0 lets each stand alone."""

    def __init__(self, store: Store, window: float) -> None:
        self._documents = store.documents(STORMS, events=False)
        self._window = window

    async def first_of(self, fingerprint: str, remediation_id: UUID, cause: Received[Any]) -> UUID | None:
        """The remediation that this finding counts towards; ``None`` where it is the first itself.

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
                known = await self._documents.get(fingerprint) or {"first": ours}
                return _other(known["first"], ours)
            except Conflict as conflict:
                known = conflict.current
            guard = {"first": known["first"], "until": known["until"]}
            is_over = known["until"] < datetime.now(UTC)
            change = {"$set": self._begun(ours)} if is_over else {"$inc": {"count": 1}}
            try:
                await self._documents.update(fingerprint, guard=guard, change=change, cause=cause)
            except Conflict:
                continue  # Another finding began the storm anew meanwhile.
            return None if is_over else _other(known["first"], ours)
        raise TemporaryError(f"findings of {fingerprint[:12]} come faster than they can be counted")

    def _begun(self, first: str) -> dict[str, Any]:
        until = datetime.now(UTC) + timedelta(seconds=self._window)
        return {"state": "counting", "first": first, "count": 1, "until": until}


def _other(first: str, ours: str) -> UUID | None:
    return None if first == ours else UUID(first)
