"""Reads a stored remediation: its state, its script's parts, and why it is not a success. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Document = Mapping[str, Any]

_WHY = {
    "no_action": "there was nothing to do",
    "rejected": "the script was refused by validation",
    "denied": "a supervisor denied the script",
    "expired": "nobody approved the script in time",
    "not_applied": "the script was not applied; nothing was changed",
    "rollback_failed": "the script failed and taking it back failed too; look at the target",
    "rolled_back": "the script failed and was taken back",
    "generation_failed": "no script could be generated",
    "unknown": "the run was lost; an operator has to look at the target",
    "awaiting_target": "it waits until its target is registered",
    "awaiting_approval": "it waits for approval",
    "awaiting_rehearsal": "it is being rehearsed",
}


def state_of(document: Document) -> str:
    return str(document.get("head", {}).get("state", "received"))


def states_of(document: Document) -> list[dict[str, Any]]:
    """Every state that was seen, in the order of a remediation's life."""
    seen = sorted((int(order), entry) for order, entry in document.get("states", {}).items())
    return [{"state": entry["state"], "at": time_text(entry["at"])} for _, entry in seen]


def time_text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def loads(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def parts_of(document: str) -> dict[str, Any]:
    """The parts of a script document. A refused one may be anything: what cannot be read is empty."""
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        parsed = {}
    return {
        "script_type": parsed.get("script_type"),
        "body": parsed.get("body", ""),
        "rollback": parsed.get("rollback", ""),
        "verify": parsed.get("verify", ""),
        "writes": parsed.get("writes", []),
        "targets": parsed.get("targets", []),
    }


def reason_of(document: Document) -> str | None:
    """Why a remediation is not, or not yet, a success; None where it is or where nothing is wrong."""
    state = state_of(document)
    if state not in _WHY:
        return None
    why = _WHY[state]
    if state == "rolled_back" and any(entry["state"] == "succeeded" for entry in states_of(document)):
        why = "the fix succeeded and was taken back on request"
    return "; ".join([why, *_details(document, state)])[:5_000]


def _details(document: Document, state: str) -> list[str]:
    if state == "no_action":
        return _given(document.get("analysis"), "reason")
    if state == "generation_failed":
        return _given(document.get("failure"), "reason")
    if state in ("denied", "expired"):
        return _given(document.get("denial"), "reason")
    if state == "rejected":
        return _refusals(document)
    if state == "awaiting_approval":
        required = (document.get("approval") or {}).get("approvers_required")
        return [f"{required} approver(s) required"] if required else []
    runs = loads((document.get("execution") or {}).get("runs_json")) or []
    return [f"{run['target']}: {run['detail']}" for run in runs if run.get("detail")]


def _given(value: Document | None, name: str) -> list[str]:
    text = (value or {}).get(name)
    return [text] if text else []


def _refusals(document: Document) -> list[str]:
    report = document.get("report")
    if not report:
        return []
    findings = loads(report["report_json"]).get("findings", [])
    errors = [finding for finding in findings if finding["severity"] == "error"][:10]
    return [
        f"{finding['rule_id']} in {finding['part']} line {finding['line']} column {finding['column']}: "
        f"{finding['message']}"
        for finding in errors
    ]
