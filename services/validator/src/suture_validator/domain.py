"""What a report means for a script: validated, or refused, and whether that is the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic_core import to_json, to_jsonable_python
from suture_contracts.report import Needs, Report, SafetyFinding

_LEAST_ROOM = 20_000
State = Literal["validated", "refused", "rejected"]


def state_after(report: Report, repairs_left: int) -> State:
    """``refused`` leaves the generator another attempt, ``rejected`` is the end."""
    if report.is_valid:
        return "validated"
    return "refused" if repairs_left > 0 else "rejected"


def unreadable(rule_id: str, message: str, remedy: str) -> Report:
    """The report on what could not be analysed: not understood is not safe."""
    finding = SafetyFinding(
        rule_id=rule_id, severity="error", message=message, line=1, column=1, remedy=remedy, part="document"
    )
    return Report(is_valid=False, safety_score=0.0, errors=(message,), findings=(finding,))


def fitted(report: Report, room: int) -> Report:
    """The report, shortened to ``room`` bytes of JSON: a message that cannot be sent is no answer.

    The gravest findings stay; where not even they have room, the script is not valid, with that reason.
    """
    if room < _LEAST_ROOM:
        return unreadable("bounds.message", "leaves no room for its report", "shorten the script")
    while len(to_json(report)) > room:
        kept = len(report.findings) // 2
        report = replace(
            report,
            findings=report.findings[:kept],
            errors=report.errors[:kept],
            warnings=report.warnings[:kept],
            needs=Needs(complete=False),
        )
    return report


def stored(report: Report) -> dict[str, Any]:
    """The report as it is kept, and as a reply carries it."""
    kept: dict[str, Any] = to_jsonable_python(report)
    return kept


def validation_of(report: dict[str, Any]) -> dict[str, Any]:
    """A stored report in the words of the HTTP API."""
    return {
        "isValid": report["is_valid"],
        "safetyScore": report["safety_score"],
        **{name: report[name] for name in ("errors", "warnings", "findings", "quality")},
    }
