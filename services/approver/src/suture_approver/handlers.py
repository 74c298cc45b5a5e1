"""Message in, use case; no logic."""

from __future__ import annotations

from suture_chassis.messages import Received
from suture_contracts.base import Reply
from suture_contracts.commands import Approve, Deny, RequestRollback
from suture_contracts.events import (
    ExecutionCompleted,
    ExecutionRefused,
    RehearsalCompleted,
    ScriptValidated,
    TargetRegistered,
    TargetRemoved,
    TargetUpdated,
)

from suture_approver.decisions import Decisions
from suture_approver.lapses import Lapses
from suture_approver.outcomes import Outcomes
from suture_approver.rollback import Rollbacks
from suture_approver.service import Approver
from suture_approver.waiting import Waiting


class Handlers:
    def __init__(
        self,
        approver: Approver,
        waiting: Waiting,
        decisions: Decisions,
        rollbacks: Rollbacks,
        outcomes: Outcomes,
        lapses: Lapses,
    ) -> None:
        self._approver = approver
        self._waiting = waiting
        self._decisions = decisions
        self._rollbacks = rollbacks
        self._outcomes = outcomes
        self._lapses = lapses

    async def on_script_validated(self, received: Received[ScriptValidated]) -> None:
        await self._approver.assess(received)

    async def on_rehearsal_completed(self, received: Received[RehearsalCompleted]) -> None:
        await self._waiting.take_rehearsal(received)

    async def on_execution_refused(self, received: Received[ExecutionRefused]) -> None:
        await self._lapses.take_refusal(received)

    async def on_execution_completed(self, received: Received[ExecutionCompleted]) -> None:
        await self._outcomes.note_execution(received)

    async def on_target_registered(self, received: Received[TargetRegistered]) -> None:
        await self._outcomes.note_target(received)

    async def on_target_updated(self, received: Received[TargetUpdated]) -> None:
        await self._outcomes.note_target(received)

    async def on_target_removed(self, received: Received[TargetRemoved]) -> None:
        await self._outcomes.note_target(received)

    async def on_approve(self, received: Received[Approve]) -> Reply:
        return await self._decisions.approve(received)

    async def on_deny(self, received: Received[Deny]) -> Reply:
        return await self._decisions.deny(received)

    async def on_request_rollback(self, received: Received[RequestRollback]) -> Reply:
        return await self._rollbacks.order(received)
