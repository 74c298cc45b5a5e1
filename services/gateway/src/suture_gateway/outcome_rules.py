"""What the events from a rehearsal to a rollback say of their remediation."""

from __future__ import annotations

from suture_contracts.events import (
    ApprovalRequested,
    ExecutionCompleted,
    ExecutionRefused,
    ExecutionStarted,
    RehearsalCompleted,
    RehearsalRequested,
    RollbackRequested,
    ScriptApproved,
    ScriptDenied,
    ScriptLapsed,
)

from suture_gateway.domain import order, revision_of_execution, rollback_order
from suture_gateway.fields import Fields, States, principal_of, text_of


def on_lapse(event: ScriptLapsed | ExecutionRefused) -> tuple[Fields, States]:
    # The next revision's events say what becomes of it.
    return {}, []


def on_rehearsal_requested(event: RehearsalRequested) -> tuple[Fields, States]:
    return {}, [("awaiting_rehearsal", event.script.revision)]


def on_rehearsal_completed(event: RehearsalCompleted) -> tuple[Fields, States]:
    rehearsal = event.model_dump(
        mode="json", include={"rehearsal_id", "revision", "outcome", "diff", "rights", "missing", "detail"}
    )
    states: States = [("rehearsed", event.revision)] if event.final else []
    return {"rehearsal": (event.revision, rehearsal)}, states


def on_approval_requested(event: ApprovalRequested) -> tuple[Fields, States]:
    revision = event.script.revision
    approval = {
        "revision": revision,
        "approval_id": str(event.approval_id),
        "approvers_required": event.approvers_required,
        "expires_at": event.expires_at.isoformat(),
        "notify_only": event.notify_only,
        "awaiting_target": event.awaiting_target,
        "reversibility": event.reversibility,
        "rights": list(event.rights),
    }
    confidence = {"revision": revision, "confidence_json": text_of(event.confidence)}
    states: States = []
    if event.awaiting_target:
        states = [("awaiting_target", revision)]
    elif not event.notify_only:
        states = [("awaiting_approval", revision)]
    return {"approval": (revision, approval), "confidence": (revision * 10, confidence)}, states


def on_script_approved(event: ScriptApproved) -> tuple[Fields, States]:
    revision = event.script.revision
    confidence = {"revision": revision, "confidence_json": text_of(event.confidence)}
    granted = {"revision": revision, "approval_id": str(event.approval_id), "start": event.start}
    return {"granted": (revision, granted), "confidence": (revision * 10 + 1, confidence)}, [
        ("approved", revision)
    ]


def on_script_denied(event: ScriptDenied) -> tuple[Fields, States]:
    denial = {
        "revision": event.revision,
        "outcome": event.outcome,
        "reason": event.reason,
        "principal": principal_of(event.principal),
    }
    return {"denial": (order(event.outcome, event.revision), denial)}, [(event.outcome, event.revision)]


def on_execution_started(event: ExecutionStarted) -> tuple[Fields, States]:
    started = {
        "revision": event.revision,
        "execution_id": str(event.execution_id),
        "approval_id": str(event.approval_id),
        "targets": list(event.targets),
        "outcome": None,
    }
    place = _execution_order(event.revision, False, event.sequence)
    if event.mode == "apply":
        return {"execution": (place, started)}, [("applying", event.revision)]
    if event.mode == "rollback":
        return {"rollback": (place, started)}, [("rolling_back", event.revision)]
    return {}, []


def on_execution_completed(event: ExecutionCompleted) -> tuple[Fields, States]:
    completed = {
        "revision": event.revision,
        "execution_id": str(event.execution_id),
        "approval_id": str(event.approval_id),
        "targets": [run.target for run in event.runs],
        "outcome": event.outcome,
        "runner": event.runner,
        "reboot_required": event.reboot_required,
        "runs_json": "[" + ",".join(text_of(run) for run in event.runs) + "]",
    }
    place = _execution_order(event.revision, True, event.sequence)
    if event.mode == "apply":
        return {"execution": (place, completed)}, [(event.outcome, event.revision)]
    if event.mode == "rollback":
        seen = (event.outcome, event.revision, rollback_order(event.outcome, event.revision))
        return {"rollback": (place, completed)}, [seen]
    return {}, []


def _execution_order(revision: int, completed: bool, sequence: int) -> int:
    return revision * 1_000_000 + completed * 100_000 + min(sequence, 99_999)


def on_rollback_requested(event: RollbackRequested) -> tuple[Fields, States]:
    revision = revision_of_execution(event.remediation_id, event.execution_id)
    requested = {
        "execution_id": str(event.execution_id),
        "reason": event.reason,
        "principal": principal_of(event.principal),
    }
    return {"rollback_request": (event.sequence, requested)}, [("rolling_back", revision)]
