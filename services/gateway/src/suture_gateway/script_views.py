"""What agents see of a script and of its execution, in the words of the API. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from suture_contracts import ids

from suture_gateway.domain import execution_word
from suture_gateway.reading import Document, loads, parts_of, reason_of, state_of, time_text


def script_view(document: Document) -> dict[str, Any]:
    """A script as agents see it."""
    script = document["script"]
    parts = parts_of(script["document"])
    return {
        "id": document["script_id"],
        "remediationId": document["_id"],
        "anomalyId": script.get("reference"),
        "category": script.get("category"),
        "revision": script["revision"],
        "digest": script["sha256"],
        "scriptType": parts["script_type"],
        "script": parts["body"],
        "rollback": parts["rollback"],
        "verify": parts["verify"],
        "writes": parts["writes"],
        "targets": parts["targets"],
        "origin": script["origin"],
        "template": script.get("template"),
        "confidence": _confidence(document),
        "status": state_of(document),
        "validation": _validation(document),
        "approval": _approval(document),
        "execution": _execution(document),
        "createdAt": time_text(document.get("created")),
    }


def _of_this_revision(document: Document, name: str) -> Document | None:
    value = document.get(name)
    if not value or value["revision"] != document["script"]["revision"]:
        return None
    return value  # type: ignore[no-any-return]


def _confidence(document: Document) -> dict[str, Any] | None:
    confidence = _of_this_revision(document, "confidence")
    if confidence is None:
        return None
    opened = loads(confidence["confidence_json"])
    return {name: opened[name] for name in ("total", "level", "parts", "caps")}


def _validation(document: Document) -> dict[str, Any] | None:
    report = _of_this_revision(document, "report")
    return None if report is None else validation_view(loads(report["report_json"]))


def validation_view(report: Mapping[str, Any]) -> dict[str, Any]:
    """A safety report in the words of the API, from the report itself or from its owner's answer."""
    findings = [
        {("ruleId" if name == "rule_id" else name): value for name, value in finding.items()}
        for finding in report.get("findings", [])
    ]
    return {
        "isValid": report["isValid"] if "isValid" in report else report["is_valid"],
        "safetyScore": report["safetyScore"] if "safetyScore" in report else report["safety_score"],
        "errors": list(report.get("errors", [])),
        "warnings": list(report.get("warnings", [])),
        "findings": findings,
        "quality": report.get("quality"),
    }


def _approval(document: Document) -> dict[str, Any] | None:
    approval = _of_this_revision(document, "approval")
    if approval is None:
        return None
    return {
        "approvalId": approval["approval_id"],
        "approversRequired": approval["approvers_required"],
        "expiresAt": approval["expires_at"],
        "notifyOnly": approval["notify_only"],
    }


def _execution(document: Document) -> dict[str, Any] | None:
    execution = document.get("execution")
    if not execution:
        return None
    return {
        "executionId": execution["execution_id"],
        "status": execution_word(state_of(document)),
        "outcome": execution.get("outcome"),
    }


def execution_view(document: Document, execution_id: str | None = None) -> dict[str, Any]:
    """The answer to execute, in the API's words; ``result.error`` says why it is not a success."""
    execution = document.get("execution") or {}
    state = state_of(document)
    word = execution_word(state)
    runs = loads(execution.get("runs_json")) or []
    if "script" in document and not execution_id:
        approval = ids.approval_id(document["script_id"], document["script"]["revision"])
        execution_id = str(ids.execution_id(approval))
    return {
        "id": document["script_id"],
        "executionId": execution.get("execution_id") or execution_id,
        "status": word,
        "state": state,
        "result": {
            "output": "\n".join(run["output_tail"] for run in runs if run.get("output_tail")),
            "error": reason_of(document),
            "outcome": execution.get("outcome"),
            "runs": runs,
        },
    }
