"""Reports as SARIF 2.1.0, which code hosts and editors read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from suture_safety.catalogue import description

if TYPE_CHECKING:
    from collections.abc import Iterable

    from suture_contracts.report import Report, SafetyFinding

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def as_sarif(reports: Iterable[tuple[str, Report]]) -> dict[str, Any]:
    """One run over all the files; each report comes with its file's name."""
    results: list[dict[str, Any]] = []
    rules: dict[str, dict[str, Any]] = {}
    for name, report in reports:
        for finding in report.findings:
            rules.setdefault(finding.rule_id, _rule(finding))
            results.append(_result(name, finding, list(rules).index(finding.rule_id)))
    return {
        "$schema": "sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "suture", "rules": list(rules.values())}},
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }


def _rule(finding: SafetyFinding) -> dict[str, Any]:
    known = description(finding.rule_id)
    rule: dict[str, Any] = {
        "id": finding.rule_id,
        "shortDescription": {"text": known.why if known and known.why else finding.message},
        "help": {"text": finding.remedy},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
    }
    if known and known.reference:
        rule["helpUri"] = known.reference
    return rule


def _result(name: str, finding: SafetyFinding, index: int) -> dict[str, Any]:
    place = {"startLine": finding.line, "startColumn": finding.column}
    location = {"artifactLocation": {"uri": quote(name)}, "region": place}
    return {
        "ruleId": finding.rule_id,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message}. {finding.remedy}"},
        "locations": [{"physicalLocation": location}],
    }
