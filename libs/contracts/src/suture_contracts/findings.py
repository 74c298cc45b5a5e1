"""What comes in: root-cause findings and vulnerabilities. All of it is untrusted text."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from suture_contracts.base import Event, Line, Name, Severity, Start, Text, Value

CATEGORIES = (
    "Configuration",
    "ResourceExhaustion",
    "ServiceFailure",
    "Network",
    "Kubernetes",
    "Database",
    "Security",
    "ScheduledJob",
    "Logging",
    "Vulnerability",
    "Application",
    "Other",
)
"""The root-cause categories that Suture knows."""

_BY_FOLDED_NAME = {category.casefold(): category for category in CATEGORIES}
_LABELS = {"HIGH": 0.9, "MEDIUM": 0.6, "LOW": 0.3}


def _category(text: str) -> str:
    folded = "".join(character for character in text if character.isalnum()).casefold()
    if folded not in _BY_FOLDED_NAME:
        raise ValueError(f"unknown category {text[:60]!r}; use one of {', '.join(CATEGORIES)}")
    return _BY_FOLDED_NAME[folded]


def _confidence(value: object) -> object:
    """A label (HIGH, MEDIUM, LOW), a fraction 0 to 1 or a percentage above 1 to 100, as a fraction."""
    if isinstance(value, str) and value.strip().upper() in _LABELS:
        return _LABELS[value.strip().upper()]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("give HIGH, MEDIUM, LOW, a fraction from 0 to 1, or a percentage from 1 to 100")
    return value / 100 if 1 < value <= 100 else value


Category = Annotated[str, Field(max_length=100), AfterValidator(_category)]
Confidence = Annotated[float, BeforeValidator(_confidence), Field(ge=0, le=1, allow_inf_nan=False)]


class AffectedObject(Value):
    """Something that a finding names: a Deployment in a namespace, a service of an application."""

    kind: Line | None = None
    name: Line | None = None
    namespace: Line | None = None
    application: Line | None = None


class RcaReceived(Event):
    """A root-cause finding, as a detector publishes it."""

    TYPE: ClassVar[str] = "rca.received"

    anomaly_id: Name
    root_cause_category: Category
    root_cause_details: Text = Field(min_length=1)
    confidence_score: Confidence
    suggested_actions: tuple[Line, ...] = Field(default=(), max_length=50)
    severity: Severity = "medium"
    affected_systems: tuple[Line, ...] = Field(default=(), max_length=50)
    affected_objects: tuple[AffectedObject, ...] = Field(default=(), max_length=50)
    facts: dict[str, Any] = Field(
        default_factory=dict, max_length=50, description="What the detector measured: container, flag, …"
    )
    start: Start = "automatic"

    @field_validator("facts")
    @classmethod
    def _bounded(cls, facts: dict[str, Any]) -> dict[str, Any]:
        for name, value in facts.items():
            if len(name) > 100 or len(str(value)) > 2_000 or "\x00" in str(value):
                raise ValueError(
                    f"{name[:100]!r} is longer than 2,000 characters or contains NUL; shorten it"
                )
        return facts


class VulnerabilityReported(Event):
    """A vulnerability of a package, as a scanner publishes it."""

    TYPE: ClassVar[str] = "vulnerability.reported"

    vulnerability_id: Name
    also_closes: tuple[Name, ...] = Field(
        default=(), max_length=1_000, description="Further advisories that the same fixed version closes"
    )
    package: Line | None = None
    installed_version: Line | None = None
    fixed_version: Line | None = None
    distribution: Line | None = None
    distribution_version: Line | None = None
    kind: Literal["package", "configuration", "kernel", "other"] | None = None
    severity: Severity = "medium"
    description: Text = ""
    cvss: Annotated[float, Field(strict=True, ge=0, le=10, allow_inf_nan=False)] | None = None
    affected_systems: tuple[Line, ...] = Field(default=(), max_length=50)
    start: Start = "automatic"
