"""One line of JSON in, one out: what ``suture validate --batch`` answers for each of its lines."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from suture_safety.analysis import analyse
from suture_safety.text_types import TEXT_TYPES

if TYPE_CHECKING:
    from suture_contracts.report import Report

MAX_LINE_BYTES = 16_000_000
_NOTHING_KNOWN = {"writes": [], "executes": [], "egress": [], "rights": [], "complete": False}
_NO_QUALITY = dict.fromkeys(("shebang", "error_handling", "backup", "logging", "validation"), False)


def answer(line: bytes) -> bytes:
    """The answer to one line, without its line end. Never raises: a line that cannot be used is not valid."""
    if len(line) > MAX_LINE_BYTES:
        return refusal(None, "batch.size", f"the line is longer than {MAX_LINE_BYTES:,} bytes", "Shorten it.")
    try:
        request = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        return refusal(
            None, "batch.json", f"the line is not JSON: {str(error)[:100]}", "Send one object a line."
        )
    if not isinstance(request, dict):
        return refusal(None, "batch.fields", "the line is no object", "Send id, script_type and text.")
    name, kind, text = request.get("id"), request.get("script_type"), request.get("text")
    if kind not in TEXT_TYPES:
        known = ", ".join(TEXT_TYPES)
        return refusal(
            name, "batch.fields", f"script_type: {str(kind)[:40]!r} is none", f"Give one of {known}."
        )
    if not isinstance(text, str):
        return refusal(name, "batch.fields", "text: is no string", "Give the script as a string.")
    return _encoded(name, _as_dict(analyse(text, kind)))


def refusal(name: object, rule: str, message: str, remedy: str) -> bytes:
    """The answer for what could not be analysed."""
    finding = {
        "rule_id": rule,
        "severity": "error",
        "message": message,
        "line": 1,
        "column": 1,
        "remedy": remedy,
    }
    body = {"is_valid": False, "safety_score": 0.0, "findings": [finding]}
    return _encoded(name, {**body, "quality": _NO_QUALITY, "needs": _NOTHING_KNOWN})


def name_of(line: bytes) -> object:
    """The id in a line, where it has a readable one."""
    try:
        request = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return request.get("id") if isinstance(request, dict) else None


def _as_dict(report: Report) -> dict[str, Any]:
    findings = []
    for one in report.findings:
        shown: dict[str, Any] = {
            "rule_id": one.rule_id,
            "severity": one.severity,
            "message": one.message,
            "line": one.line,
            "column": one.column,
            "remedy": one.remedy,
        }
        if one.level is not None:
            shown["level"] = one.level
        findings.append(shown)
    return {
        "is_valid": report.is_valid,
        "safety_score": report.safety_score,
        "findings": findings,
        "quality": asdict(report.quality),
        "needs": asdict(report.needs),
    }


def _encoded(name: object, body: dict[str, Any]) -> bytes:
    return json.dumps({"id": name, **body}).encode()
