"""The commands, each owned by one service, which answers with a ``Reply``."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, model_validator

from suture_contracts.base import (
    Command,
    Digest,
    Fraction,
    Line,
    Name,
    ScriptText,
    ScriptType,
    Severity,
    Start,
    Text,
)
from suture_contracts.custody import Envelope
from suture_contracts.findings import RcaReceived, VulnerabilityReported
from suture_contracts.script import SubmittedScript
from suture_contracts.target import Target
from suture_contracts.template import Template

MOST_TOLD = 32_000
"""How many characters of a run's progress one renewal of its lease carries."""
ProgressStart = Annotated[
    int, Field(ge=0, le=1_000_000_000, description="Where in the run's own record that begins, in bytes")
]
Progress = Annotated[
    str,
    Field(max_length=MOST_TOLD, description='Whole JSON lines, {"at", "step"} or {"at", "line"}, in ASCII'),
]


class Generate(Command):
    """To the analyzer: open a remediation. Reply 202: ``{remediation_id, script_id}``."""

    TYPE: ClassVar[str] = "generate"

    finding: RcaReceived | None = None
    vulnerability: VulnerabilityReported | None = None
    start: Start = "on_request"

    @model_validator(mode="after")
    def _one_of_both(self) -> Generate:
        if (self.finding is None) == (self.vulnerability is None):
            raise ValueError("give either finding or vulnerability")
        return self


class SubmitScript(Command):
    """To the analyzer; not for agents: take a script of one's own to validation, approval and run.

    Reply 202: ``{remediation_id, script_id}``.
    """

    TYPE: ClassVar[str] = "submit-script"

    script: SubmittedScript
    start: Start = "automatic"


class Batch(Command):
    """To the analyzer: open a remediation for each reported vulnerability that the filter means.

    One a day, vulnerability and host: the same command again opens the same ones. Reply 202:
    ``{remediations: [{vulnerability_id, package, remediation_id, script_id}], next, budget}``; ``next`` goes
    into ``after`` of the command that takes the rest. A budget is that of the day and filter: where it was
    spent, the same command with a higher one takes up what was left.
    """

    TYPE: ClassVar[str] = "batch"

    severities: tuple[Severity, ...] = Field(default=("critical",), min_length=1, max_length=5)
    vulnerability_id: Name | None = Field(default=None, description="Only this one, whatever its severity")
    day: date
    limit: int = Field(default=100, ge=1, le=200)
    after: UUID | None = None
    start: Start = "automatic"
    max_tokens: int = Field(default=0, ge=0, description="What models may take for it; 0 leaves it as it is")
    max_usd: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="The same in USD")


class ShowSpending(Command):
    """To the generator: what models took for a batch so far. Reply 200: ``{tokens, usd, left}``.

    ``left`` counts the remediations for which no model was asked, because the budget was spent.
    """

    TYPE: ClassVar[str] = "show-spending"

    budget_id: Line


class ListTemplates(Command):
    """To the analyzer. Reply 200: ``{templates: [Template]}``."""

    TYPE: ClassVar[str] = "list-templates"


class CreateTemplate(Command):
    """To the analyzer; supervisors only. Reply 201: the template."""

    TYPE: ClassVar[str] = "create-template"

    template: Template


class UpdateTemplate(Command):
    """To the analyzer; supervisors only. Writes the next revision. Reply 200: the template."""

    TYPE: ClassVar[str] = "update-template"

    template_id: Name
    changes: dict[str, Any]
    revision: int | None = Field(
        default=None, description="The revision that the caller saw; another one is a conflict"
    )


class DeleteTemplate(Command):
    """To the analyzer; supervisors only. Reply 200: ``{id}``."""

    TYPE: ClassVar[str] = "delete-template"

    template_id: Name


class Validate(Command):
    """To the validator: a known script, or any text. Reply 200: ``{validation, script_id?, revision?}``."""

    TYPE: ClassVar[str] = "validate"

    script_id: UUID | None = None
    script_type: ScriptType | None = None
    text: ScriptText | None = None


class Decision(Command):
    """A supervisor's word on exactly what they saw: another revision or digest is a conflict."""

    approval_id: UUID | None = None
    script_id: UUID | None = None
    revision: int = Field(ge=1)
    digest: Digest
    reason: Text = ""

    @model_validator(mode="after")
    def _named(self) -> Decision:
        if self.approval_id is None and self.script_id is None:
            raise ValueError("name approval_id or script_id")
        return self


class Approve(Decision):
    """To the approver; supervisors only.

    Reply 200: ``{approval_id, state, approvals, approvers_required}``.
    """

    TYPE: ClassVar[str] = "approve"


class Deny(Decision):
    """To the approver; supervisors only. Reply 200 likewise."""

    TYPE: ClassVar[str] = "deny"


class RequestRollback(Command):
    """To the approver; supervisors and operators. Reply 202: ``{execution_id}``."""

    TYPE: ClassVar[str] = "request-rollback"

    execution_id: UUID
    reason: Text = ""


class Execute(Command):
    """To the executor: start an approved script that waits for it. Reply 202: ``{execution_id, state}``."""

    TYPE: ClassVar[str] = "execute"

    script_id: UUID


class Stop(Command):
    """To the executor: ``pause`` blocks starts, ``abort`` ends what runs too. Reply 200: ``{stop}``."""

    TYPE: ClassVar[str] = "stop"

    target_id: Name | None = None
    mode: Literal["pause", "abort"] = "pause"
    reason: Text = ""


class Resume(Command):
    TYPE: ClassVar[str] = "resume"

    target_id: Name | None = None


class ShowProgress(Command):
    """To the executor: what a remediation's runs did and printed so far. Nothing of it is kept.

    Reply 200: ``{entries: [{target, mode, at, step | line}], next, more}``; ``next`` goes into ``after`` of
    the command that asks for what follows, ``more`` says that there may be some already.
    """

    TYPE: ClassVar[str] = "show-progress"

    remediation_id: UUID
    after: str = Field(default="", max_length=20, pattern=r"^([0-9]{1,5}:[0-9]{1,9})?$")


class ReportResult(Command):
    """To the executor: what an agent saw when it ran a script itself. Kept as a report, never as proof."""

    TYPE: ClassVar[str] = "report-result"

    script_id: UUID
    status: Literal["SUCCESS", "FAILED"]
    output: ScriptText = ""
    error: Text = ""
    duration_seconds: float = Field(default=0, ge=0)
    confidence: Fraction | None = None


class TakeLease(Command):
    """To the executor: an agent asks for what is to be run on a host of its own, where it runs it itself.

    ``home`` names the folder in which it keeps claims and snapshots: what began there goes on there alone.
    Reply 200: ``{bundle, watched}``, a ``Bundle`` or null, and whether anybody watches that run.
    """

    TYPE: ClassVar[str] = "take-lease"

    target_id: Name
    home: Name


class RenewLease(Command):
    """To the executor: the agent still has the run in hand. A lease that lapsed is a conflict: take it anew.

    Reply 200: ``{run_id, seconds, abort, watched, progress_taken}``: whether anybody watches the run, and how
    far its agent's record was taken.
    """

    TYPE: ClassVar[str] = "renew-lease"

    run_id: Name
    token: Name
    progress_start: ProgressStart = 0
    progress: Progress = ""


class EndLease(Command):
    """To the executor: a run's result, signed with the agent's own key. Reply 200: ``{run_id, outcome}``."""

    TYPE: ClassVar[str] = "end-lease"

    run_id: Name
    token: Name
    result: Envelope


class RegisterTarget(Command):
    """To the executor. Reply 201 (200 where it was known): ``{target, revision}``."""

    TYPE: ClassVar[str] = "register-target"

    target: Target


class RemoveTarget(Command):
    """To the executor. Reply 200: ``{id}``."""

    TYPE: ClassVar[str] = "remove-target"

    target_id: Name


class CheckTarget(Command):
    """To the executor: look whether a target can be reached, changing nothing.

    Reply 200: ``{target_id, reachable, detail, rights, missing, isolation}``.
    """

    TYPE: ClassVar[str] = "check-target"

    target_id: Name


class ListTargets(Command):
    """To the executor. Reply 200: ``{targets: [{target, revision}]}``."""

    TYPE: ClassVar[str] = "list-targets"
