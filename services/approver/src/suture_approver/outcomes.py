"""What the approver learns from the executor: how runs ended, which targets there are."""

from __future__ import annotations

from suture_chassis.errors import Conflict, PermanentError
from suture_chassis.messages import Received
from suture_chassis.store import Documents, Written
from suture_contracts import ids
from suture_contracts.events import ExecutionCompleted, TargetRegistered, TargetRemoved, TargetUpdated

from suture_approver import domain
from suture_approver.history import History
from suture_approver.record import Record

LINGER_SECONDS = 0.1
"""How long an outcome may wait for others to share its write: short, since the breaker wants to know it."""

TargetNews = Received[TargetRegistered] | Received[TargetUpdated] | Received[TargetRemoved]


class Outcomes:
    """Keeps each outcome as a document of its own (for track record, breaker, rollback), and the targets.

    An approval learns of its outcome when it is looked at, see ``Record.settled``: writing a small document
    costs far less than changing a large one, and hardly any approval is looked at again.
    """

    def __init__(self, record: Record, outcomes: Documents, targets: Documents, history: History) -> None:
        self._record = record
        self._outcomes = outcomes
        self._targets = targets
        self._history = history

    async def note_execution(self, received: Received[ExecutionCompleted]) -> None:
        """Raises ``PermanentError`` where nothing of that script was ever approved."""
        event = received.message
        if event.execution_id != ids.execution_id(event.approval_id):
            raise PermanentError("this execution is not its approval's", field="execution_id")
        approved = await self._record.approved(str(event.script_id), str(event.approval_id))
        if approved is None:
            return  # of a revision that was superseded
        tried = {run.target: domain.succeeded_on(run) for run in event.runs}
        failed = [target for target, succeeded in tried.items() if succeeded is False]
        on = [target for target, succeeded in tried.items() if succeeded is not None]
        outcome = {
            "_id": f"{event.execution_id}:{event.sequence}",
            "state": event.outcome,
            "execution_id": str(event.execution_id),
            "script_id": str(event.script_id),
            "sequence": event.sequence,
            "template": approved.template,
            "mode": event.mode,
            "at": received.time,
            "on": on,
            "failed": failed,
            "left": [{"target": run.target, "after": run.after} for run in event.runs],
        }
        try:
            written = await self._outcomes.insert(outcome, cause=received)
        except Conflict:
            return  # told before
        self._history.forget(failed)
        if written is Written.APPLIED and on:
            self._history.add(approved.template, not failed)

    async def note_target(self, received: TargetNews) -> None:
        """Keep a target's newest state; an older event changes nothing."""
        event = received.message
        removed = isinstance(event, TargetRemoved)
        id = event.target_id if isinstance(event, TargetRemoved) else event.target.id
        fields: dict[str, object] = {
            "state": "removed" if removed else "registered",
            "revision": event.revision,
            "owner": None if isinstance(event, TargetRemoved) else event.target.owner,
        }
        try:
            await self._targets.insert({"_id": id, **fields}, cause=received)
        except Conflict:
            await self._renew(id, fields, received)
        self._history.forget([id])

    async def _renew(
        self,
        id: str,
        fields: dict[str, object],
        received: TargetNews,
    ) -> None:
        guard = {"revision": {"$lt": fields["revision"]}}
        try:
            await self._targets.update(id, guard=guard, change={"$set": fields}, cause=received)
        except Conflict:
            return
