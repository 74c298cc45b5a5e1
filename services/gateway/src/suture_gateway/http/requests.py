"""The bodies that callers send: camelCase under /api/generative-remediation, snake_case everywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel
from suture_contracts.base import Digest, Fraction, Line, Name, ScriptText, ScriptType, Severity, Start, Text
from suture_contracts.commands import Progress, ProgressStart
from suture_contracts.custody import Envelope
from suture_contracts.findings import Category, Confidence, RcaReceived, VulnerabilityReported
from suture_contracts.script import SubmittedScript
from suture_contracts.target import TargetKind


class Camel(BaseModel):
    """Takes a field by either spelling; refuses what it does not know, since that is a misspelling."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class RootCause(Camel):
    """What a root-cause analysis found. Fields that are not known here are ignored: analyses say more."""

    model_config = ConfigDict(extra="ignore")

    root_cause_category: Category
    root_cause_details: Text = Field(min_length=1)
    confidence_score: Confidence
    suggested_actions: tuple[Line, ...] = Field(default=(), max_length=50)


class GenerateRequest(Camel):
    anomaly_id: Name
    root_cause_analysis: RootCause
    severity: Severity = "medium"
    affected_systems: tuple[Line, ...] = Field(default=(), max_length=50)

    def finding(self) -> RcaReceived:
        """As the analyzer takes it. Nothing runs before the caller says execute."""
        cause = self.root_cause_analysis
        return RcaReceived(
            anomaly_id=self.anomaly_id,
            root_cause_category=cause.root_cause_category,
            root_cause_details=cause.root_cause_details,
            confidence_score=cause.confidence_score,
            suggested_actions=cause.suggested_actions,
            severity=self.severity,
            affected_systems=self.affected_systems,
            start="on_request",
        )


class DecisionRequest(Camel):
    """Names exactly what the supervisor saw."""

    revision: int = Field(ge=1, le=1_000)
    digest: Digest
    approval_id: UUID | None = None
    reason: Text = ""


class ReportRequest(Camel):
    """What an agent saw when it ran a script itself."""

    status: Literal["SUCCESS", "FAILED"]
    output: ScriptText = ""
    error: Text = ""
    duration_seconds: float = Field(default=0, ge=0, allow_inf_nan=False)
    confidence: Fraction | None = None


class TextRequest(Camel):
    """Any text to validate."""

    script_type: ScriptType
    text: ScriptText = Field(min_length=1)


class Nothing(Camel):
    """A request that needs no body."""


class FreeForm(BaseModel):
    """A template or its changes; the analyzer judges the fields. Both spellings are taken."""

    model_config = ConfigDict(extra="allow", frozen=True)

    __pydantic_extra__: dict[str, JsonValue]

    def fields(self) -> dict[str, Any]:
        return {_snake(name): value for name, value in (self.model_extra or {}).items()}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def camel_keys(value: dict[str, Any]) -> dict[str, Any]:
    """The same with camelCase names at the top level; what is inside is data and stays as it is."""
    return {to_camel(name): inner for name, inner in value.items()}


class FindingRequest(RcaReceived):
    """The fields of ``rca.received``."""


class VulnerabilityRequest(VulnerabilityReported):
    """The fields of ``vulnerability.reported``."""


class ScriptRequest(SubmittedScript):
    """A script of one's own; a field that is not known is a misspelling."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Start = Field(
        default="automatic", description="rehearsal: it is validated and rehearsed, and never runs"
    )

    def script(self) -> SubmittedScript:
        return SubmittedScript.model_validate(self.model_dump(exclude={"start"}))


class BatchRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    severities: tuple[Severity, ...] = Field(default=("critical",), min_length=1, max_length=5)
    vulnerability_id: Name | None = None
    day: date = Field(default_factory=lambda: datetime.now(UTC).date())
    limit: int = Field(default=100, ge=1, le=200)
    after: UUID | None = None
    start: Start = "automatic"
    max_tokens: int = Field(default=0, ge=0)
    max_usd: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class ReasonRequest(Camel):
    reason: Text = ""


class TargetRequest(BaseModel):
    """A target as ``target.registered`` has it; without ``owner`` it is the caller's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name
    kind: TargetKind
    reach: dict[str, JsonValue] = Field(default_factory=dict, max_length=50)
    secret_ref: Line | None = None
    allowed_types: tuple[ScriptType, ...] | None = Field(default=None, max_length=5)
    owner: Name | None = None
    facts: dict[str, JsonValue] = Field(default_factory=dict, max_length=200)


class LeaseRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Name = Field(description="Names the folder in which the agent keeps claims and snapshots")


class LeaseRenewal(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    token: Name
    progress_start: ProgressStart = 0
    progress: Progress = ""


class LeaseResult(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    token: Name
    result: Envelope


class StopRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    target_id: Name | None = Field(default=None, description="Left out: everything")
    mode: Literal["pause", "abort"] = "pause"
    reason: Text = ""


class ResumeRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    target_id: Name | None = None
    mode: Literal["pause", "abort"] | None = Field(
        default=None, description="Ignored; a stop's body may be sent back"
    )
