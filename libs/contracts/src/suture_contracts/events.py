"""The events that the services publish, in the order of a remediation's life."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from suture_contracts.base import (
    Complexity,
    Digest,
    Event,
    Fraction,
    Line,
    Name,
    Principal,
    RemediationEvent,
    ScriptText,
    ScriptType,
    Seen,
    Severity,
    Start,
    Text,
    Value,
)
from suture_contracts.custody import Envelope
from suture_contracts.report import Report, Reversibility
from suture_contracts.script import Script, SubmittedScript, TemplateRef
from suture_contracts.target import Target
from suture_contracts.template import Template

Origin = Literal["template", "filled", "adapted", "novel", "reused", "predefined", "operator"]
"""Where a script comes from; ``filled``: a model gave a template's missing parameters; ``operator``: somebody
submitted it."""
ConfidenceLevel = Literal["HIGH", "MEDIUM", "LOW"]
Mode = Literal["check", "rehearse", "apply", "rollback"]
ExecutionOutcome = Literal[
    "succeeded", "already_remediated", "not_applied", "rolled_back", "rollback_failed", "unknown"
]


class Finding(Value):
    """What the analyzer made of the finding or vulnerability."""

    kind: Literal["rca", "vulnerability", "script"] = Field(
        description="script: nothing was found, somebody submitted a script"
    )
    reference: Name = Field(
        description="The anomaly's or the vulnerability's id, the submitted script's digest"
    )
    category: Line
    details: Text
    suggested_actions: tuple[Line, ...] = ()
    affected_systems: tuple[Line, ...] = ()
    severity: Severity
    confidence: Fraction = Field(description="The detector's own confidence")
    fingerprint: Digest = Field(description="Equal for findings that say the same of the same targets")
    facts: dict[str, Any] = Field(
        default_factory=dict,
        description="Of a vulnerability: package, version, package_manager, patch_type, …",
    )


class Budget(Value):
    """What the calls of models may cost for one batch altogether, by its id; 0 is no bound."""

    id: Line
    tokens: int = Field(default=0, ge=0)
    usd: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class Repeat(Value):
    """A finding that says the same as an earlier one, and counts towards that one's remediation."""

    remediation_id: UUID = Field(description="The earlier one's")
    count: int = Field(ge=1, description="How many findings that one stands for by now, itself included")


class RcaAnalyzed(RemediationEvent):
    """A finding understood, its targets resolved, its template pinned; or nothing to do, and why."""

    TYPE: ClassVar[str] = "rca.analyzed"

    outcome: Literal["analyzed", "no_action"]
    reason: Text = ""
    finding: Finding
    script_type: ScriptType = "bash"
    complexity: Complexity = "low"
    template: Template | None = None
    predefined: Template | None = Field(default=None, description="The category's predefined action")
    targets: tuple[Target, ...] = ()
    submitted: SubmittedScript | None = Field(
        default=None, description="What is to be run, as it was submitted"
    )
    start: Start = "automatic"
    requested_by: Principal | None = None
    repeats: Repeat | None = Field(default=None, description="Where it is no_action for that reason")
    budget: Budget | None = Field(default=None, description="Of the batch that opened it, where it has one")


class ModelUse(Value):
    """What one or more calls of a model cost."""

    provider: str
    model: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    latency_ms: float = 0.0
    prompt_sha256: Digest | None = Field(
        default=None, description="Of the conversation; the generator keeps it"
    )
    answer_sha256: Digest | None = Field(default=None, description="Of the answer; the generator keeps it")


class ScriptGenerated(RemediationEvent):
    TYPE: ClassVar[str] = "script.generated"

    script: Script
    origin: Origin
    template: TemplateRef | None = None
    template_proven: bool = True
    reversibility: Reversibility = Field(
        description="What the template or the model claims; the validator judges"
    )
    complexity: Complexity = "low"
    model: ModelUse | None = None
    confidence_parts: dict[str, Fraction] = Field(
        description="template_match, complexity, rca_confidence; each 0 to 1"
    )
    finding: Finding
    targets: tuple[Target, ...] = ()
    repairs_left: int = Field(ge=0, le=20, description="Attempts that remain when this script is refused")
    start: Start = "automatic"
    requested_by: Principal | None = None


class ScriptGenerationFailed(RemediationEvent):
    TYPE: ClassVar[str] = "script.generation_failed"

    script_id: UUID
    revision: int | None = Field(default=None, ge=1, description="The revision that could not be made")
    reason: Text
    tried: tuple[Line, ...] = ()
    finding: Finding


class ScriptValidated(RemediationEvent):
    TYPE: ClassVar[str] = "script.validated"

    script: Script
    report: Report
    ruleset: Digest
    verdict: Envelope
    origin: Origin
    template: TemplateRef | None = None
    template_proven: bool = True
    complexity: Complexity = "low"
    confidence_parts: dict[str, Fraction]
    finding: Finding
    targets: tuple[Target, ...] = ()
    start: Start = "automatic"
    requested_by: Principal | None = None


class ScriptRejected(RemediationEvent):
    """The validator refused a script; ``final`` when the generator has no attempt left."""

    TYPE: ClassVar[str] = "script.rejected"

    script: Script
    report: Report
    ruleset: Digest
    final: bool


class Confidence(Value):
    """``total`` is 0 to 100; each part says how much of it it gave."""

    total: float = Field(ge=0, le=100)
    level: ConfidenceLevel
    parts: dict[str, float]
    caps: tuple[Line, ...] = Field(default=(), description="Why the level is lower than the total says")


class RehearsalRequested(RemediationEvent):
    TYPE: ClassVar[str] = "rehearsal.requested"

    rehearsal_id: UUID
    script: Script
    verdict: Envelope
    targets: tuple[Name, ...]
    final: bool = Field(default=False, description="Nobody is asked for approval after it: it was the end")


class RehearsalCompleted(RemediationEvent):
    TYPE: ClassVar[str] = "rehearsal.completed"

    rehearsal_id: UUID
    script_id: UUID
    revision: int
    outcome: Literal["passed", "failed", "already_remediated", "unavailable"]
    diff: Text = ""
    rights: tuple[Line, ...] = ()
    missing: tuple[Line, ...] = ()
    detail: Text = ""
    final: bool = False
    seen: Seen = Field(default_factory=dict, description="What the rehearsal found to be changed, by target")


class ApprovalRequested(RemediationEvent):
    """For supervisors, in the queue ``supervisors.approvals``. ``notify_only``: it runs by itself."""

    TYPE: ClassVar[str] = "approval.requested"

    approval_id: UUID
    script: Script
    report: Report
    confidence: Confidence
    approvers_required: int = Field(ge=0, le=10)
    expires_at: datetime
    reversibility: Reversibility
    rights: tuple[Line, ...] = ()
    rehearsal: RehearsalCompleted | None = None
    notify_only: bool = False
    awaiting_target: bool = False
    finding: Finding
    targets: tuple[Target, ...] = ()


class ScriptApproved(RemediationEvent):
    TYPE: ClassVar[str] = "script.approved"

    script: Script
    approval_id: UUID
    verdict: Envelope
    approval: Envelope
    confidence: Confidence
    reversibility: Reversibility
    start: Start = "automatic"


class ScriptDenied(RemediationEvent):
    TYPE: ClassVar[str] = "script.denied"

    script_id: UUID
    revision: int
    approval_id: UUID
    outcome: Literal["denied", "expired"]
    reason: Text = ""
    principal: Principal | None = None


class ScriptLapsed(RemediationEvent):
    """A verdict counts no more (its key was revoked or expired): the script is to be validated anew."""

    TYPE: ClassVar[str] = "script.lapsed"

    script_id: UUID
    revision: int = Field(ge=1)
    reason: Text


class ExecutionRefused(RemediationEvent):
    """What was approved, or to be rehearsed, does not run: a key was revoked or expired since it signed.

    The key is the verdict's or the approval's. Of a rehearsal ``approval_id`` is that of its revision.
    """

    TYPE: ClassVar[str] = "execution.refused"

    approval_id: UUID
    script_id: UUID
    revision: int = Field(ge=1)
    reason: Text


class ExecutionStarted(RemediationEvent):
    TYPE: ClassVar[str] = "execution.started"

    execution_id: UUID
    approval_id: UUID
    script_id: UUID
    revision: int
    mode: Mode
    targets: tuple[Name, ...]


class Run(Value):
    """What happened on one target.

    ``before`` and ``after`` are digests of what was to change, by path or object; ``diff`` is the change as
    text, ``undo`` are the shell commands that take it back by hand, from ``snapshot``.
    """

    target: Name
    outcome: ExecutionOutcome
    exit_code: int | None = None
    snapshot: str | None = None
    before: dict[str, str] = Field(default_factory=dict)
    after: dict[str, str] = Field(default_factory=dict)
    output_tail: ScriptText = ""
    detail: Text = ""
    isolation: tuple[str, ...] = ()
    seconds: float = 0.0
    diff: Text = ""
    undo: Text = ""


class ExecutionCompleted(RemediationEvent):
    TYPE: ClassVar[str] = "execution.completed"

    execution_id: UUID
    approval_id: UUID
    script_id: UUID
    revision: int
    mode: Mode
    runner: str
    outcome: ExecutionOutcome
    runs: tuple[Run, ...]
    reboot_required: bool = False
    attestation: Envelope
    template: TemplateRef | None = None


class RollbackRequested(RemediationEvent):
    TYPE: ClassVar[str] = "rollback.requested"

    execution_id: UUID
    reason: Text
    principal: Principal
    approval: Envelope
    expected_state: dict[str, Any] = Field(default_factory=dict)


class TargetRegistered(Event):
    TYPE: ClassVar[str] = "target.registered"

    target: Target
    revision: int = Field(ge=1)


class TargetUpdated(TargetRegistered):
    TYPE: ClassVar[str] = "target.updated"


class TargetRemoved(Event):
    TYPE: ClassVar[str] = "target.removed"

    target_id: Name
    revision: int = Field(ge=1)
