"""Every endpoint of /api/generative-remediation, one after the other, as its callers use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

BASE = "/api/generative-remediation"
SCRIPT = {
    *("id", "remediationId", "anomalyId", "category", "revision", "digest", "scriptType", "script"),
    *("rollback", "verify", "writes", "targets", "origin", "template", "confidence", "status"),
    *("validation", "approval", "execution", "createdAt"),
}
VALIDATION = {"isValid", "safetyScore", "errors", "warnings", "findings", "quality"}


def answer_of(system: Any, role: str, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    answer = system.call(role, method, BASE + path, body)
    assert answer.status_code == status, answer.text
    return answer.json()


def generate(system: Any, finding: dict[str, Any], *, status: int = 201) -> Any:
    """The answer to a finding of ``rca.received`` in the words of this endpoint."""
    cause = ("root_cause_category", "root_cause_details", "confidence_score", "suggested_actions")
    body = {
        "anomalyId": finding["anomaly_id"],
        "rootCauseAnalysis": {name: finding[name] for name in cause},
        "affectedSystems": finding["affected_systems"],
    }
    return answer_of(system, "agent", "POST", "/generate?wait=60", body, status=status)


def waiting(system: Any, script: dict[str, Any]) -> dict[str, Any]:
    """The script once it waits for supervisors."""
    system.wait(script["remediationId"], "awaiting_approval")
    return dict(answer_of(system, "agent", "GET", f"/scripts/{script['id']}"))


def approve(system: Any, role: str, script: dict[str, Any], *, status: int = 200) -> Any:
    seen = {"revision": script["revision"], "digest": script["digest"]}
    return answer_of(system, role, "POST", f"/scripts/{script['id']}/approve", seen, status=status)


def test_a_script_goes_from_generate_to_execute(system: Any, make_program: Any, tmp_path: Path) -> None:
    finding = system.exhaust_pool(program := make_program(tmp_path, f"pool-{uuid4().hex[:8]}"))
    made = generate(system, finding)
    assert (set(made), made["anomalyId"]) == (SCRIPT, finding["anomaly_id"])
    assert set(made["validation"]) == VALIDATION
    path = f"/scripts/{made['id']}"

    page = answer_of(system, "agent", "GET", f"/scripts?anomalyId={finding['anomaly_id']}&scriptType=bash")
    assert [script["id"] for script in page["scripts"]] == [made["id"]]
    assert (set(page), page["total"]) == ({"scripts", "total", "nextCursor"}, 1)

    validated = answer_of(system, "agent", "POST", f"{path}/validate")
    assert (validated["id"], validated["validation"]["isValid"]) == (made["id"], True)

    seen = waiting(system, made)
    assert (seen["confidence"]["level"], seen["approval"]["approversRequired"]) == ("MEDIUM", 1)
    asked = answer_of(system, "operator", "POST", f"{path}/execute", status=202)
    assert (asked["status"], asked["state"]) == ("PENDING", "awaiting_approval")
    approve(system, "agent", seen, status=403)
    assert approve(system, "supervisor", seen)["status"] == "approved"

    done = answer_of(system, "operator", "POST", f"{path}/execute?wait=60")
    assert set(done) == {"id", "executionId", "status", "state", "result"}
    assert (done["status"], done["result"]["error"]) == ("SUCCESS", None)
    assert program.config.read_text() == "host=db.internal\npool_size=40\n"
    assert answer_of(system, "agent", "GET", path)["execution"]["status"] == "SUCCESS"

    undone = system.call("operator", "POST", f"/api/remediations/{made['remediationId']}/rollback", {})
    assert undone.status_code == 202
    system.wait(made["remediationId"], "rolled_back")
    assert program.config.read_text() == "host=db.internal\npool_size=5\n"


def test_what_a_model_writes_anew_on_a_doubtful_cause_takes_two_approvers(system: Any, program: Any) -> None:
    shell = "#!/bin/bash\nset -euo pipefail\n"
    system.model_server.answering = lambda request: {
        "script_type": "bash",
        "body": f"{shell}install -m 0640 {program.known_good} {program.config}\necho done\n",
        "rollback": "",
        "verify": f"{shell}test -s {program.config}\n",
        "writes": [str(program.config)],
        "egress": [],
        "reversibility": "exact",
        "explanation": "put back",
    }
    made = generate(
        system,
        program.finding(
            root_cause_category="Application",
            root_cause_details="orders are lost between two of its queues",
            confidence_score="LOW",
        ),
    )
    assert made["origin"] == "novel"
    seen = waiting(system, made)
    assert (seen["confidence"]["level"], seen["approval"]["approversRequired"]) == ("LOW", 2)
    assert approve(system, "supervisor", seen)["status"] == "awaiting_approval"
    approve(system, "supervisor", seen)
    assert answer_of(system, "agent", "GET", f"/scripts/{made['id']}")["status"] == "awaiting_approval"
    assert approve(system, "admin", seen)["status"] == "approved"
    done = answer_of(system, "operator", "POST", f"/scripts/{made['id']}/execute?wait=60")
    assert done["status"] == "SUCCESS", done["result"]["error"]


def test_supervisors_write_templates_and_the_next_finding_gets_them(system: Any, program: Any) -> None:
    id = f"marker-{uuid4().hex[:8]}"
    shell = "#!/usr/bin/env bash\nset -euo pipefail\npath={{ config_path }}\n"
    template = {
        "id": id,
        "title": "Write a marker",
        "categories": ["Logging"],
        "keywords": [id],
        "scriptType": "bash",
        "parameters": {
            "type": "object",
            "additionalProperties": False,
            "required": ["config_path"],
            "properties": {"config_path": {"type": "string", "x-fact": "config_path"}},
        },
        "body": shell + 'echo "writing $path"\nprintf "marker\\n" > "$path"\ntest -s "$path"\n',
        "verify": shell + 'test -s "$path"\n',
        "writes": ["{{ config_path }}"],
        "examples": [{"config_path": "/srv/app/marker"}],
    }
    answer_of(system, "agent", "POST", "/templates", template, status=403)
    created = answer_of(system, "supervisor", "POST", "/templates", template, status=201)
    assert (created["id"], created["revision"], created["proven"]) == (id, 1, False)
    changed = answer_of(system, "supervisor", "PUT", f"/templates/{id}", {"title": "Mark it", "revision": 1})
    assert (changed["revision"], changed["title"]) == (2, "Mark it")
    answer_of(system, "supervisor", "PUT", f"/templates/{id}", {"body": "rm -rf /"}, status=422)
    listed = answer_of(system, "agent", "GET", "/templates")["templates"]
    assert {each["id"]: each["revision"] for each in listed}[id] == 2

    finding = program.finding(root_cause_category="Logging", root_cause_details=f"the {id} is missing")
    made = generate(system, finding)
    assert made["template"] == {"id": id, "revision": 2, "title": "Mark it"}
    assert waiting(system, made)["confidence"]["caps"] == ["its template revision is not proven yet"]

    answer_of(system, "agent", "DELETE", f"/templates/{id}", status=403)
    assert answer_of(system, "supervisor", "DELETE", f"/templates/{id}") == {"id": id}
    left = answer_of(system, "agent", "GET", "/templates")["templates"]
    assert id not in {each["id"] for each in left}
