"""Message in, use case; no logic."""

from __future__ import annotations

from suture_chassis.messages import Received
from suture_contracts.base import Reply
from suture_contracts.commands import (
    CheckTarget,
    EndLease,
    Execute,
    ListTargets,
    RegisterTarget,
    RemoveTarget,
    RenewLease,
    ReportResult,
    Resume,
    ShowProgress,
    Stop,
    TakeLease,
)
from suture_contracts.events import RehearsalRequested, RollbackRequested, ScriptApproved

from suture_executor.leases import Leases
from suture_executor.progress import Progress
from suture_executor.service import Executor
from suture_executor.starts import Starts
from suture_executor.switch import Switch
from suture_executor.targets import Targets


class Handlers:
    def __init__(
        self,
        executor: Executor,
        starts: Starts,
        targets: Targets,
        switch: Switch,
        progress: Progress,
        leases: Leases,
    ) -> None:
        self._executor = executor
        self._starts = starts
        self._targets = targets
        self._switch = switch
        self._progress = progress
        self._leases = leases

    async def on_script_approved(self, received: Received[ScriptApproved]) -> None:
        await self._executor.take_approval(received)

    async def on_rehearsal_requested(self, received: Received[RehearsalRequested]) -> None:
        await self._executor.take_rehearsal(received)

    async def on_rollback_requested(self, received: Received[RollbackRequested]) -> None:
        await self._executor.take_rollback(received)

    async def on_execute(self, received: Received[Execute]) -> Reply:
        return await self._starts.execute(received)

    async def on_show_progress(self, received: Received[ShowProgress]) -> Reply:
        return await self._progress.show(received)

    async def on_report_result(self, received: Received[ReportResult]) -> Reply:
        return await self._starts.report(received)

    async def on_stop(self, received: Received[Stop]) -> Reply:
        return await self._switch.stop(received)

    async def on_resume(self, received: Received[Resume]) -> Reply:
        return await self._switch.resume(received)

    async def on_register_target(self, received: Received[RegisterTarget]) -> Reply:
        return await self._targets.register(received)

    async def on_remove_target(self, received: Received[RemoveTarget]) -> Reply:
        return await self._targets.remove(received)

    async def on_check_target(self, received: Received[CheckTarget]) -> Reply:
        return await self._targets.check(received)

    async def on_list_targets(self, received: Received[ListTargets]) -> Reply:
        return await self._targets.list(received)

    async def on_take_lease(self, received: Received[TakeLease]) -> Reply:
        return await self._leases.take(received)

    async def on_renew_lease(self, received: Received[RenewLease]) -> Reply:
        return await self._leases.renew(received)

    async def on_end_lease(self, received: Received[EndLease]) -> Reply:
        return await self._leases.end(received)
