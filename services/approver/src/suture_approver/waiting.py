"""What waits: for a rehearsal, for a decision, for a target; and what happens when its time is up."""

from __future__ import annotations

from suture_chassis.custody import RevokedKey
from suture_chassis.errors import Conflict, PermanentError
from suture_chassis.messages import Received
from suture_contracts import ids
from suture_contracts.base import RemediationEvent
from suture_contracts.events import RehearsalCompleted

from suture_approver.case import Document, denial
from suture_approver.lapses import Lapses
from suture_approver.service import Approver

_BATCH = 100


class Waiting:
    """Moves on what waits; every move is guarded, so that a timer and a decision cannot both win."""

    def __init__(self, approver: Approver, lapses: Lapses) -> None:
        self._approver = approver
        self._lapses = lapses
        self._approvals = approver.approvals

    async def take_rehearsal(self, received: Received[RehearsalCompleted]) -> None:
        """Ask the approvers, showing them what the rehearsal brought. A stale one is dropped."""
        rehearsal = received.message
        document = await self._approvals.get(str(rehearsal.script_id))
        expected = ids.rehearsal_id(rehearsal.script_id, rehearsal.revision)
        if document is None or rehearsal.rehearsal_id != expected:
            raise PermanentError(
                "this rehearsal was never asked for",
                field="rehearsal_id",
                remedy="name the rehearsal_id of a rehearsal.requested; drop this one",
            )
        if document["revision"] != rehearsal.revision:
            return
        if document.get("final_rehearsal"):
            await self._end_rehearsed(document, rehearsal, received)
        else:
            await self._ask(document, rehearsal, received)

    async def pass_due(self) -> int:
        """Ask without the rehearsals that were not answered in time, let the rest expire; says how many."""
        due = await self._approver.record.due(self._approver.now(), _BATCH)
        for document in due:
            await self._move_on(document)
        return len(due)

    async def _move_on(self, document: Document) -> None:
        if document["state"] != "awaiting_rehearsal":
            await self._expire(document, "nobody decided in time")
            return
        if document.get("final_rehearsal"):
            await self._expire(document, "the rehearsal was not answered in time")
            return
        try:
            await self._ask(document, None, None)
        except PermanentError as error:
            # Its verdict is not what it was: there is nothing left to decide on.
            await self._expire(document, str(error))

    async def _ask(
        self,
        document: Document,
        rehearsal: RehearsalCompleted | None,
        received: Received[RehearsalCompleted] | None,
    ) -> None:
        if document["state"] != "awaiting_rehearsal":
            return
        approver = self._approver
        due = approver.now() + approver.policy.expiry.awaiting_approval
        try:
            case = approver.restored(document)
        except RevokedKey as error:
            cause = document["cause"] if received is None else received.caused()
            await self._lapses.end(document, error.reason, cause, received)
            return
        asked = case.request(document["sequence"], due, rehearsal=rehearsal)
        if received is not None:
            asked = asked.model_copy(update=received.caused())
        change = {
            "state": "awaiting_approval",
            "sequence": document["sequence"] + 1,
            "rehearsal": rehearsal.outcome if rehearsal else "no answer",
            "seen": rehearsal.seen if rehearsal else {},
            "due": due,
            "expires_at": due,
        }
        await self._write(document, change, (asked,), received)

    async def _end_rehearsed(
        self, document: Document, rehearsal: RehearsalCompleted, received: Received[RehearsalCompleted]
    ) -> None:
        """It was asked for a rehearsal alone: nobody is asked for anything."""
        if document["state"] != "awaiting_rehearsal":
            return
        change = {
            "state": "rehearsed",
            "sequence": document["sequence"] + 1,
            "rehearsal": rehearsal.outcome,
            "due": None,
            "expires_at": None,
            "validated": None,
        }
        await self._write(document, change, (), received)

    async def _expire(self, document: Document, reason: str) -> None:
        event = denial(document, principal=None, reason=reason, cause=document["cause"])
        change = {"state": "expired", "sequence": document["sequence"] + 1, "due": None, "validated": None}
        await self._write(document, change, (event,), None)

    async def _write(
        self,
        document: Document,
        change: Document,
        events: tuple[RemediationEvent, ...],
        received: Received[RehearsalCompleted] | None,
    ) -> None:
        guard = {"sequence": document["sequence"]}
        try:
            await self._approvals.update(
                document["_id"], guard=guard, change={"$set": change}, events=events, cause=received
            )
        except Conflict:
            # A decision, a newer revision or the timer was first.
            return
