"""One approval as it is stored, and the events that its steps publish. Pure but for signing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from suture_chassis.custody import Signer, seal
from suture_chassis.errors import Conflict
from suture_contracts import ids
from suture_contracts.base import Principal, Seen
from suture_contracts.custody import APPROVAL, Approval, Verdict
from suture_contracts.events import (
    ApprovalRequested,
    Confidence,
    RehearsalCompleted,
    RehearsalRequested,
    ScriptApproved,
    ScriptDenied,
    ScriptLapsed,
    ScriptValidated,
)

from suture_approver.domain import State, wants_rehearsal
from suture_approver.policy import Policy

Document = dict[str, Any]
Events = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A script whose verdict was verified, and how sure we are of it; ``cause`` is what brought it.

    ``seen`` is what its rehearsal saw on the targets, and those who approve with it.
    """

    validated: ScriptValidated
    approval_id: UUID
    verdict: Verdict
    targets: tuple[str, ...]
    confidence: Confidence
    required: int
    cause: dict[str, Any]
    denied_before: bool = False
    seen: Seen = field(default_factory=dict)

    def head(self, sequence: int) -> dict[str, Any]:
        return {"remediation_id": self.validated.remediation_id, "sequence": sequence, **self.cause}

    def request(self, sequence: int, expires_at: datetime, **fields: Any) -> ApprovalRequested:
        validated = self.validated
        rehearsal: RehearsalCompleted | None = fields.get("rehearsal")
        return ApprovalRequested(
            **self.head(sequence),
            approval_id=self.approval_id,
            script=validated.script,
            report=validated.report,
            confidence=self.confidence,
            approvers_required=self.required,
            expires_at=expires_at,
            reversibility=self.verdict.reversibility,
            rights=rehearsal.rights if rehearsal else validated.report.needs.rights,
            finding=validated.finding,
            targets=validated.targets,
            **fields,
        )

    def approved(
        self, sequence: int, signer: Signer, principals: Sequence[Principal], now: datetime, until: datetime
    ) -> ScriptApproved:
        script = self.validated.script
        approval = Approval(
            approval_id=self.approval_id,
            script_id=script.script_id,
            revision=script.revision,
            mode="supervised" if principals else "automatic",
            principals=tuple(principals),
            targets=self.targets,
            not_before=now,
            not_after=until,
            expected=self.seen,
        )
        return ScriptApproved(
            **self.head(sequence),
            script=script,
            approval_id=self.approval_id,
            verdict=self.validated.verdict,
            approval=seal(
                signer,
                subject_name=str(script.script_id),
                subject_sha256=script.sha256,
                predicate_type=APPROVAL,
                predicate=approval,
            ),
            confidence=self.confidence,
            reversibility=self.verdict.reversibility,
            start=self.validated.start,
        )


def open_case(
    case: Case, policy: Policy, signer: Signer, body: bytes, now: datetime, sequence: int = 0
) -> tuple[Document, Events]:
    """The document that a validated script opens, in its first state, and the events of that."""
    waits, expiry = policy.expiry, now + policy.expiry.approval
    if not case.targets:
        due = now + waits.awaiting_target
        asked = case.request(sequence, due, notify_only=True, awaiting_target=True)
        return _document(case, "awaiting_target", sequence + 1, now, due, body), (asked,)
    final = case.validated.start == "rehearsal"
    if case.required == 0 and not final:
        events = (
            case.request(sequence, expiry, notify_only=True),
            case.approved(sequence + 1, signer, (), now, expiry),
        )
        return _document(case, "approved", sequence + 2, now, None, None) | _until(expiry), events
    if final or wants_rehearsal(case.confidence.level, policy):
        script = case.validated.script
        rehearsal = RehearsalRequested(
            **case.head(sequence),
            rehearsal_id=ids.rehearsal_id(script.script_id, script.revision),
            script=script,
            verdict=case.validated.verdict,
            targets=case.targets,
            final=final,
        )
        due = now + policy.rehearsal.timeout
        return _document(case, "awaiting_rehearsal", sequence + 1, now, due, body), (rehearsal,)
    due = now + waits.awaiting_approval
    document = _document(case, "awaiting_approval", sequence + 1, now, due, body)
    return document | _until(due), (case.request(sequence, due),)


def _document(
    case: Case, state: State, sequence: int, now: datetime, due: datetime | None, body: bytes | None
) -> Document:
    validated, script = case.validated, case.validated.script
    by = validated.requested_by
    return {
        "_id": str(script.script_id),
        "state": state,
        "sequence": sequence,
        "revision": script.revision,
        "digest": script.sha256,
        "remediation_id": str(validated.remediation_id),
        "approval_id": str(case.approval_id),
        "execution_id": str(ids.execution_id(case.approval_id)),
        "targets": list(case.targets),
        "template": validated.template.id if validated.template else None,
        "requested_by": by.id if by else None,
        "final_rehearsal": validated.start == "rehearsal",
        "confidence": case.confidence.model_dump(mode="json"),
        "approvers_required": case.required,
        "approvals": [],
        "denial": None,
        "denied_before": case.denied_before,
        "former_approvals": [],
        "rehearsal": None,
        "seen": {},
        "execution": None,
        "execution_sequence": -1,
        "rollback": None,
        "cause": case.cause,
        # The validated script as it came, while a decision on it may still be due.
        "validated": body.decode() if body is not None else None,
        "at": now,
        "due": due,
        "expires_at": due,
    }


def _until(moment: datetime) -> Document:
    return {"expires_at": moment}


def denial(
    document: Document, *, principal: Principal | None, reason: str, cause: dict[str, Any]
) -> ScriptDenied:
    """The event for a document that is denied by ``principal``, or expires when there is none."""
    return ScriptDenied(
        remediation_id=document["remediation_id"],
        sequence=document["sequence"],
        **cause,
        script_id=document["_id"],
        revision=document["revision"],
        approval_id=document["approval_id"],
        outcome="denied" if principal else "expired",
        reason=reason,
        principal=principal,
    )


def lapse(document: Document, *, reason: str, cause: dict[str, Any]) -> ScriptLapsed:
    """The event for a document whose verdict counts no more."""
    return ScriptLapsed(
        remediation_id=document["remediation_id"],
        sequence=document["sequence"],
        **cause,
        script_id=document["_id"],
        revision=document["revision"],
        reason=reason[:20_000],
    )


def summary(document: Document) -> dict[str, Any]:
    """What a caller is told of an approval."""
    execution = document["execution"]
    expires_at = document["expires_at"]
    return {
        "script_id": document["_id"],
        "remediation_id": document["remediation_id"],
        "revision": document["revision"],
        "digest": document["digest"],
        "approval_id": document["approval_id"],
        "state": document["state"],
        "approvals": len(document["approvals"]),
        "approvers_required": document["approvers_required"],
        "expires_at": expires_at.isoformat() if expires_at else None,
        "execution": execution
        and {"execution_id": document["execution_id"], "outcome": execution["outcome"]},
    }


def stale(reason: str, document: Document, field: str) -> Conflict:
    """The refusal of what does not fit the current state, which it shows."""
    return Conflict(
        reason, current=summary(document), field=field, remedy="look at the current state and decide again"
    )
