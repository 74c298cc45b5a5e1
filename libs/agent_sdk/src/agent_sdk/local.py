"""Validation on the agent's own machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any


def validate_locally(text: str, script_type: str) -> dict[str, Any]:
    """The analysis of a text, as the API words it: ``{isValid, safetyScore, errors, warnings, findings}``."""
    # The analysers take a while to import, and an agent that has the system validate does not need them.
    from suture_contracts.script import SCRIPT_TYPES
    from suture_safety import analyse

    if script_type not in SCRIPT_TYPES:
        raise ValueError(
            f"script_type {script_type[:60]!r} is not known; use one of {', '.join(SCRIPT_TYPES)}"
        )
    report = analyse(text, script_type)
    findings = []
    for finding in report.findings:
        entry = asdict(finding)
        findings.append({"ruleId": entry.pop("rule_id"), **entry})
    return {
        "isValid": report.is_valid,
        "safetyScore": report.safety_score,
        "errors": list(report.errors),
        "warnings": list(report.warnings),
        "findings": findings,
    }
