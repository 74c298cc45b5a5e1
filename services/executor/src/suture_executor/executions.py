"""What an execution is in the store, and the events that it leads to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from suture_chassis.custody import Signer, seal
from suture_chassis.custody.granted import Granted, Validated
from suture_chassis.messages import Received
from suture_contracts.base import Seen
from suture_contracts.custody import EXECUTION, Attestation
from suture_contracts.events import (
    ExecutionCompleted,
    ExecutionOutcome,
    ExecutionStarted,
    Mode,
    RehearsalCompleted,
    RehearsalRequested,
    Run,
    ScriptApproved,
)
from suture_contracts.script import ScriptDocument

from suture_executor import domain

Document = dict[str, Any]
RehearsalOutcome = Literal["passed", "failed", "already_remediated", "unavailable"]


def utc_now() -> datetime:
    return datetime.now(UTC)


def of_approval(
    execution_id: UUID, received: Received[ScriptApproved], granted: Granted, instance: str
) -> Document:
    """A new execution; ``state`` says whether it waits for a start."""
    event = received.message
    return {
        "_id": str(execution_id),
        "kind": "apply",
        "state": "queued" if event.start == "automatic" else "ready",
        "instance": instance,
        "remediation_id": str(event.remediation_id),
        "script_id": str(event.script.script_id),
        "revision": event.script.revision,
        "approval_id": str(event.approval_id),
        "sha256": granted.sha256,
        "script": event.script.document,
        "targets": list(granted.document.targets),
        # The verdict's word is signed; the event's is not asked.
        "reversibility": granted.verdict.reversibility,
        "not_after": granted.approval.not_after,
        "expected": granted.approval.expected,
        "sequence": 0,
        "cause": received.caused(),
        "outcome": None,
        "runs": [],
        "created_at": utc_now(),
    }


def of_rehearsal(received: Received[RehearsalRequested], found: Validated, instance: str) -> Document:
    event = received.message
    return {
        "_id": str(event.rehearsal_id),
        "kind": "rehearsal",
        "state": "queued",
        "instance": instance,
        "remediation_id": str(event.remediation_id),
        "script_id": str(event.script.script_id),
        "revision": event.script.revision,
        "sha256": found.sha256,
        "script": event.script.document,
        "targets": list(event.targets),
        "final": event.final,
        "reversibility": "none",
        "not_after": None,
        "sequence": 0,
        "cause": received.caused(),
        "created_at": utc_now(),
    }


def statements(event: ScriptApproved | RehearsalRequested) -> Document:
    """The script as it travels, and what was signed of it: an agent checks all of it for itself."""
    return event.model_dump(mode="json", include={"script", "verdict", "approval"})


def script_of(document: Document) -> ScriptDocument:
    return ScriptDocument.model_validate_json(document["script"])


def started(document: Document, mode: Mode) -> ExecutionStarted:
    return ExecutionStarted(
        remediation_id=document["remediation_id"],
        sequence=document["sequence"] + 1,
        **document["cause"],
        execution_id=document["_id"],
        approval_id=document["approval_id"],
        script_id=document["script_id"],
        revision=document["revision"],
        mode=mode,
        targets=tuple(document["targets"]),
    )


def completed(
    document: Document,
    mode: Mode,
    outcome: ExecutionOutcome,
    runs: Sequence[Run],
    runner: str,
    signer: Signer,
) -> ExecutionCompleted:
    """The result, attested: the statement's subject is the script that ran."""
    attestation = Attestation(
        execution_id=document["_id"],
        approval_id=document["approval_id"],
        mode=mode,
        outcome=outcome,
        runs_sha256=domain.runs_digest(runs),
        at=utc_now(),
    )
    return ExecutionCompleted(
        remediation_id=document["remediation_id"],
        sequence=document["sequence"] + 1,
        **document["cause"],
        execution_id=document["_id"],
        approval_id=document["approval_id"],
        script_id=document["script_id"],
        revision=document["revision"],
        mode=mode,
        runner=runner,
        outcome=outcome,
        runs=tuple(runs),
        attestation=seal(
            signer,
            subject_name=document["script_id"],
            subject_sha256=document["sha256"],
            predicate_type=EXECUTION,
            predicate=attestation,
        ),
    )


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a rehearsal over all targets found; ``rights`` beside those that the script declares itself."""

    outcome: RehearsalOutcome
    diff: str = ""
    detail: str = ""
    rights: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    seen: Seen = field(default_factory=dict)


def rehearsed(document: Document, found: Rehearsed) -> RehearsalCompleted:
    script = script_of(document)
    rights = [f"write {path}" for path in script.writes] + [f"connect {address}" for address in script.egress]
    return RehearsalCompleted(
        remediation_id=document["remediation_id"],
        sequence=document["sequence"] + 1,
        **document["cause"],
        rehearsal_id=document["_id"],
        script_id=document["script_id"],
        revision=document["revision"],
        outcome=found.outcome,
        diff=found.diff[:19_000],
        rights=tuple(right[:1_000] for right in (*rights, *found.rights)),
        missing=found.missing,
        detail=found.detail[:19_000],
        final=document.get("final", False),
        seen=found.seen,
    )


def refused_runs(document: Document, detail: str) -> tuple[Run, ...]:
    """What is said of targets on which nothing was run."""
    return tuple(Run(target=target, outcome="not_applied", detail=detail) for target in document["targets"])
