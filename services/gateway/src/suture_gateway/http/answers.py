"""What the routes answer, for the API's description; a test holds the answers against it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

Object = dict[str, JsonValue]


class Answer(BaseModel):
    """Every field is always there."""

    model_config = ConfigDict(extra="forbid")


class Validation(Answer):
    isValid: bool
    safetyScore: float
    errors: list[str]
    warnings: list[str]
    findings: list[Object]
    quality: Object | None


class ScriptApproval(Answer):
    approvalId: str
    approversRequired: int
    expiresAt: str
    notifyOnly: bool


class ScriptExecution(Answer):
    executionId: str
    status: Literal["PENDING", "SUCCESS", "FAILED", "ROLLED_BACK", "UNKNOWN"]
    outcome: str | None


class ScriptAnswer(Answer):
    """A script's newest revision. What cannot be read of a refused script is null or empty."""

    id: str
    remediationId: str
    anomalyId: str | None
    category: str | None
    revision: int
    digest: str
    scriptType: JsonValue
    script: JsonValue
    rollback: JsonValue
    verify: JsonValue
    writes: JsonValue
    targets: JsonValue
    origin: str
    template: Object | None
    confidence: Object | None
    status: str
    validation: Validation | None
    approval: ScriptApproval | None
    execution: ScriptExecution | None
    createdAt: str | None


class ScriptPage(Answer):
    scripts: list[ScriptAnswer]
    total: int
    nextCursor: str | None


class Result(Answer):
    output: str
    error: str | None
    outcome: str | None
    runs: list[Object]


class ExecutionAnswer(Answer):
    id: str
    executionId: str | None
    status: Literal["PENDING", "SUCCESS", "FAILED", "ROLLED_BACK", "UNKNOWN"]
    state: str
    result: Result


class ValidationAnswer(Answer):
    id: str | None
    revision: int | None
    validation: Validation


class SeenState(Answer):
    state: str
    at: str


class RemediationSummary(Answer):
    remediation_id: str
    state: str
    states: list[SeenState]
    script_id: str
    revision: int | None
    approval_id: str | None
    execution_id: str | None
    reference: str | None
    category: str | None
    severity: str | None
    targets: list[str]
    count: int
    created_at: str | None
    updated_at: str | None


class RemediationPage(Answer):
    remediations: list[RemediationSummary]
    next_cursor: str | None


class RemediationAnswer(RemediationSummary):
    finding: Object | None
    analysis: Object | None
    script: Object | None
    report: Object | None
    confidence: Object | None
    approval: Object | None
    approved: Object | None
    denied: Object | None
    rehearsal: Object | None
    execution: Object | None
    runs: list[Object]
    rollback: Object | None
    failure: Object | None
    error: str | None


class Opened(Answer):
    remediation_id: str
    script_id: str


def described(status: int, model: type[BaseModel], description: str = "") -> dict[int | str, dict[str, Any]]:
    """A route's answer, for its ``responses``."""
    return {status: {"model": model, "description": description or (model.__doc__ or model.__name__)}}
