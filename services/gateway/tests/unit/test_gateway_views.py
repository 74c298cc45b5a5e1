from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from suture_contracts.base import Event
from suture_contracts.report import Report, SafetyFinding
from suture_gateway.change import Change
from suture_gateway.http.answers import (
    ExecutionAnswer,
    RemediationAnswer,
    RemediationSummary,
    ScriptAnswer,
)
from suture_gateway.script_views import execution_view, script_view, validation_view
from suture_gateway.views import remediation_summary, remediation_view


@pytest.fixture
def document(changes: list[Change], apply_change: Any) -> Any:
    def make(count: int, *more: Change) -> dict[str, Any]:
        start: dict[str, Any] = {"_id": changes[0].remediation_id}
        flat = functools.reduce(apply_change, [*changes[:count], *more], start)
        states = {key.removeprefix("states."): flat.pop(key) for key in list(flat) if "states." in key}
        return {**flat, "states": states}

    return make


def test_a_script_shows_what_an_agent_needs(document: Any) -> None:
    view = script_view(document(11))
    assert view["script"].startswith("#!/bin/bash")
    assert (view["revision"], view["scriptType"], view["status"]) == (2, "bash", "approved")
    assert view["validation"]["isValid"] is True
    assert view["validation"]["findings"][0]["ruleId"] == "quality.backup"
    assert set(view["approval"]) == {"approvalId", "approversRequired", "expiresAt", "notifyOnly"}
    assert view["confidence"]["level"] == "HIGH"
    assert view["execution"] is None
    json.dumps(view)


def test_what_was_said_of_an_older_revision_is_not_shown_as_the_newer_ones(document: Any) -> None:
    view = script_view(document(6))
    assert (view["revision"], view["validation"]) == (2, None)


def test_every_moment_of_a_life_is_shown_as_the_api_describes(document: Any, story: list[Event]) -> None:
    for count in range(1, len(story) + 1):
        RemediationAnswer.model_validate_json(json.dumps(remediation_view(document(count))))
        RemediationSummary.model_validate_json(json.dumps(remediation_summary(document(count))))
        ExecutionAnswer.model_validate_json(json.dumps(execution_view(document(count))))
        if "script" in document(count):
            ScriptAnswer.model_validate_json(json.dumps(script_view(document(count))))


def test_a_remediation_shows_runs_report_and_finding(document: Any) -> None:
    view = remediation_view(document(13))
    assert view["state"] == "succeeded"
    assert view["runs"][0]["target"] == "orders-host"
    assert view["report"]["safety_score"] == 0.98
    assert view["finding"]["category"] == "Configuration"
    assert view["script"]["body"].startswith("#!/bin/bash")
    assert view["error"] is None


def test_a_success_has_no_error_and_a_rollback_says_so(document: Any) -> None:
    assert execution_view(document(13))["status"] == "SUCCESS"
    assert execution_view(document(13))["result"]["error"] is None
    taken_back = execution_view(document(16))
    assert taken_back["status"] == "ROLLED_BACK"
    assert "succeeded and was taken back on request" in taken_back["result"]["error"]


def test_a_waiting_script_is_pending_and_says_for_what(document: Any) -> None:
    answer = execution_view(document(10))
    assert answer["status"] == "PENDING"
    assert "approval" in answer["result"]["error"]
    assert answer["executionId"]


def test_a_rejected_script_names_rule_line_and_column(
    document: Any, make_revision: Any, make_change: Any
) -> None:
    finding = SafetyFinding(
        rule_id="bash.delete-root", severity="error", message="deletes /", line=3, column=7, remedy="do not"
    )
    report = Report(is_valid=False, safety_score=0, errors=("deletes /",), findings=(finding,))
    rejected = make_change(make_revision("script.rejected", 3, final=True, report=report), 20)
    answer = execution_view(document(6, rejected))
    assert answer["status"] == "FAILED"
    assert "bash.delete-root in body line 3 column 7: deletes /" in answer["result"]["error"]


def test_a_denial_says_why(document: Any, make_revision: Any, make_change: Any) -> None:
    denied = make_change(make_revision("script.denied", 2, outcome="denied", reason="wrong host"), 20)
    answer = execution_view(document(10, denied))
    assert answer["status"] == "FAILED"
    assert "wrong host" in answer["result"]["error"]


def test_a_validation_reads_the_same_from_a_report_and_from_its_owners_answer() -> None:
    finding = {"rule_id": "bash.x", "message": "m", "line": 1}
    report = {"is_valid": False, "safety_score": 0.5, "errors": ["x"], "findings": [finding]}
    answer = {"isValid": False, "safetyScore": 0.5, "errors": ["x"], "findings": [finding]}
    assert validation_view(report) == validation_view(answer)
    assert validation_view(answer)["findings"] == [{"ruleId": "bash.x", "message": "m", "line": 1}]
