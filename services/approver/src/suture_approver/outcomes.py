"""What the approver learns from the executor: how runs ended, which targets there are."""

from __future__ import annotations

from suture_chassis.errors import Conflict, PermanentError
from suture_chassis.messages import Received
from suture_chassis.store import Documents, Written
from suture_contracts import ids
from suture_contracts.events import ExecutionCompleted, TargetRegistered, TargetRemoved, TargetUpdated

from suture_approver import domain
from suture_approver.history import History

TargetNews = Received[TargetRegistered] | Received[TargetUpdated] | Received[TargetRemoved]


class Outcomes:
    """Keeps the latest outcome with its approval (for track record, breaker, rollback), and the targets."""

    def __init__(self, approvals: Documents, targets: Documents, history: History) -> None:
        self._approvals = approvals
        self._targets = targets
        self._history = history

    async def note_execution(self, received: Received[ExecutionCompleted]) -> None:
        """Raises ``PermanentError`` where nothing of that script was ever approved."""
        event = received.message
        if event.execution_id != ids.execution_id(event.approval_id):
            raise PermanentError(
                "this execution is not its approval's",
                field="execution_id",
                remedy="derive execution_id from approval_id",
            )
        tried = {run.target: domain.succeeded_on(run) for run in event.runs}
        failed = [target for target, succeeded in tried.items() if succeeded is False]
        execution = {
            "outcome": event.outcome,
            "mode": event.mode,
            "at": received.time,
            "on": [target for target, succeeded in tried.items() if succeeded is not None],
            "failed": failed,
            "left": [{"target": run.target, "after": run.after} for run in event.runs],
        }
        try:
            written = await self._approvals.update(
                str(event.script_id),
                guard={
                    "approval_id": str(event.approval_id),
                    "state": "approved",
                    "execution_sequence": {"$lt": event.sequence},
                },
                change={
                    "$set": {"execution": execution, "execution_sequence": event.sequence, "rollback": None}
                },
                cause=received,
            )
        except Conflict as conflict:
            if conflict.status == 404:
                raise
            # An older event than the one that is known, or of a revision that was superseded.
            return
        self._history.forget(failed)
        if written is Written.APPLIED and event.template is not None and execution["on"]:
            self._history.add(event.template.id, not failed)

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
