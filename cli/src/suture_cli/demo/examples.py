"""The example files: what each breaks, submits and expects."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from suture_contracts.findings import RcaReceived, VulnerabilityReported

from suture_cli.failures import BadInput


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class File(_Part):
    lines: tuple[str, ...]
    mode: str = Field(default="0644", pattern=r"^0[0-7]{3}$")

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


class BrokenService(_Part):
    """The service that the demo starts: its files by relative path, and how many connections it needs."""

    files: dict[str, File]
    connections: int = 5


class Workload(_Part):
    """The objects that the demo makes in a cluster; ``symptom`` is in the one problem they have."""

    objects: tuple[dict[str, Any], ...] = Field(min_length=1)
    symptom: str = Field(min_length=1)


class CloudEvent(_Part):
    """How the finding gets to the broker."""

    id: str
    source: str
    deliveries: int = Field(default=1, ge=1, le=10)


class Expected(_Part):
    """``health`` is the service's answer afterwards, ``works`` whether the workload has no problem;
    ``script_has`` are parts of the script's text, ``reason_has`` of the reason that the system gives for the
    outcome."""

    outcome: str
    health: int | None = None
    files_unchanged: bool = False
    works: bool | None = None
    objects_unchanged: bool = False
    notified: bool = False
    refused: bool = False
    script_has: tuple[str, ...] = ()
    reason_has: str = ""


class Example(_Part):
    name: str
    title: str
    service: BrokenService | None = None
    workload: Workload | None = None
    target: dict[str, Any] | None = None
    finding: dict[str, Any] | None = None
    vulnerability: dict[str, Any] | None = None
    event: CloudEvent | None = None
    approve: bool = False
    expected: Expected

    @model_validator(mode="after")
    def _submits_one_thing(self) -> Example:
        if (self.finding is None) == (self.vulnerability is None):
            raise ValueError("give either finding or vulnerability")
        if self.finding is not None:
            RcaReceived.model_validate(self.finding)
        else:
            VulnerabilityReported.model_validate(self.vulnerability)
        return self

    @property
    def reference(self) -> str:
        """The anomaly's or the vulnerability's id."""
        if self.finding is not None:
            return str(self.finding["anomaly_id"])
        return str((self.vulnerability or {})["vulnerability_id"])


def load_examples(folder: Path) -> list[Example]:
    """All examples of the folder, in the order of their names. Raises ``BadInput``."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(Example.model_validate_json(path.read_bytes()))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise BadInput(f"{path}: {first['msg']}", field=place, remedy="correct the example") from None
    if not found:
        raise BadInput(f"{folder} has no examples", field="--examples", remedy="name the folder that does")
    return found


def filled(value: Any, places: dict[str, str]) -> Any:
    """The value with ``${place}`` replaced in its texts, at any depth."""
    if isinstance(value, str):
        return Template(value).safe_substitute(places)
    if isinstance(value, dict):
        return {key: filled(part, places) for key, part in value.items()}
    if isinstance(value, list):
        return [filled(part, places) for part in value]
    return value
