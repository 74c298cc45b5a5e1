"""What a report means for a script: validated, or refused, and whether that is the end."""

from __future__ import annotations

from typing import Any, Literal

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
    while len(report.model_dump_json()) > room:
        kept = len(report.findings) // 2
        report = report.model_copy(
            update={
                "findings": report.findings[:kept],
                "errors": report.errors[:kept],
                "warnings": report.warnings[:kept],
                "needs": Needs(complete=False),
            }
        )
    return report


def validation_of(report: Report) -> dict[str, Any]:
    """The report in the words of the HTTP API."""
    return {
        "isValid": report.is_valid,
        "safetyScore": report.safety_score,
        "errors": list(report.errors),
        "warnings": list(report.warnings),
        "findings": [finding.model_dump(mode="json") for finding in report.findings],
        "quality": report.quality.model_dump(mode="json"),
    }
