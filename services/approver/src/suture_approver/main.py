"""Composition root of the approver."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from pydantic import Field
from suture_chassis.app import Service
from suture_chassis.errors import TemporaryError
from suture_chassis.settings import ChassisSettings
from suture_contracts.base import Role
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
from suture_approver.handlers import Handlers
from suture_approver.history import History
from suture_approver.lapses import Lapses
from suture_approver.outcomes import LINGER_SECONDS, Outcomes
from suture_approver.policy import PolicyError, load_policy
from suture_approver.record import Record
from suture_approver.rollback import Rollbacks
from suture_approver.service import Approver
from suture_approver.waiting import Waiting

_DECIDE: set[Role] = {"supervisor", "admin"}
_TAKE_BACK: set[Role] = {"supervisor", "operator", "admin"}


class Settings(ChassisSettings):
    approver_policy_file: Path | None = None
    approver_timer_seconds: float = Field(
        default=1.0, gt=0, le=60, description="How often waits are looked at"
    )


def build(settings: Settings) -> Service:
    """The service, wired, not started. Raises ``PolicyError`` on an unusable policy."""
    policy = load_policy(settings.approver_policy_file)
    service = Service("approver", settings)
    approvals, targets = (
        service.store.documents("approvals"),
        service.store.documents("approver_targets", events=False),
    )
    collection = service.store.collection("approvals")
    outcomes = service.store.collection("approval_outcomes")
    history = History(
        outcomes,
        service.store.collection("approver_targets"),
        runs=policy.track_record.runs,
        failures_for=policy.breaker.window + policy.breaker.block,
    )
    record = Record(approvals, collection, outcomes)
    approver = Approver(record, history, service.signer, service.trust, policy)
    lapses = Lapses(approver)
    waiting = Waiting(approver, lapses)
    kept = service.store.documents("approval_outcomes", events=False, linger=LINGER_SECONDS)
    news = Outcomes(record, kept, targets, history)
    handlers = Handlers(approver, waiting, Decisions(approver, lapses), Rollbacks(approver), news, lapses)
    _subscribe(service, handlers)
    service.on_start(record.prepare)
    service.on_start(history.prepare)

    async def watch_the_clock() -> None:
        task = asyncio.current_task()
        # A cancellation that meets the driver as its answer arrives is lost there; that it came is known.
        while task is not None and not task.cancelling():
            try:
                await waiting.pass_due()
            except TemporaryError as error:
                service.log.warning("waits_not_seen", reason=error.reason)
            if not task.cancelling():
                await asyncio.sleep(settings.approver_timer_seconds)

    service.background("timer", watch_the_clock)
    return service


def _subscribe(service: Service, handlers: Handlers) -> None:
    service.on(ScriptValidated, handlers.on_script_validated)
    service.on(RehearsalCompleted, handlers.on_rehearsal_completed)
    service.on(ExecutionRefused, handlers.on_execution_refused)
    service.on(ExecutionCompleted, handlers.on_execution_completed)
    service.on(TargetRegistered, handlers.on_target_registered)
    service.on(TargetUpdated, handlers.on_target_updated)
    service.on(TargetRemoved, handlers.on_target_removed)
    service.command(Approve, handlers.on_approve, roles=_DECIDE)
    service.command(Deny, handlers.on_deny, roles=_DECIDE)
    service.command(RequestRollback, handlers.on_request_rollback, roles=_TAKE_BACK)


def main() -> None:
    try:
        service = build(Settings())
    except PolicyError as error:
        sys.exit(str(error))
    service.run()
