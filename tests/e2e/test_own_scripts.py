"""A script of one's own: validated, approved by somebody else, run; or rehearsed alone."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def own(program: Any, **changes: Any) -> dict[str, Any]:
    return {
        "script_type": "bash",
        "body": f"#!/bin/bash\nset -euo pipefail\ninstall -m 0640 {program.known_good} {program.config}\n",
        "verify": f"#!/bin/bash\nset -euo pipefail\ntest -s {program.config}\n",
        "writes": [str(program.config)],
        "targets": [program.id],
        "title": "restore.sh",
        **changes,
    }


def submit(system: Any, role: str, script: dict[str, Any]) -> str:
    answer = system.call(role, "POST", "/api/scripts", script)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/remediations/{answer.json()['remediation_id']}"
    return str(answer.json()["remediation_id"])


def test_it_runs_once_somebody_else_approved_it(system: Any, program: Any) -> None:
    id = submit(system, "supervisor", own(program))
    found = system.wait(id, "awaiting_approval")
    assert found["rehearsal"]["outcome"] == "passed"
    assert found["script"]["origin"] == "operator"
    seen = {"revision": found["revision"], "digest": found["script"]["sha256"]}
    path = f"/api/generative-remediation/scripts/{found['script_id']}/approve"
    refused = system.call("supervisor", "POST", path, seen)
    assert refused.status_code == 403, refused.text
    assert "asked for themselves" in refused.text
    assert not program.config.exists()
    answer = system.call("admin", "POST", path, seen)
    assert answer.status_code == 200, answer.text
    assert system.wait(id)["state"] == "succeeded"
    assert program.config.read_bytes() == program.known_good.read_bytes()


def test_a_rehearsal_shows_what_would_change_and_is_the_end(system: Any, program: Any) -> None:
    before = program.contents()
    found = system.wait(submit(system, "operator", own(program, start="rehearsal")))
    assert found["state"] == "rehearsed"
    assert found["rehearsal"]["outcome"] == "passed"
    assert str(program.config) in found["rehearsal"]["diff"]
    assert found["approval"] is None
    assert program.contents() == before


def test_a_dangerous_one_ends_rejected_with_its_line(system: Any, program: Any) -> None:
    body = "#!/bin/bash\nset -euo pipefail\nrm -rf / --no-preserve-root\n"
    found = system.wait(submit(system, "operator", own(program, body=body)))
    assert found["state"] == "rejected"
    assert {one["line"] for one in found["report"]["findings"] if one["severity"] == "error"} == {3}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"targets": ["no-such-target"]}, "script.targets"),
        ({"script_type": "sql"}, "script.targets"),
        ({"targets": []}, "targets"),
        ({"writes": ["/etc/../passwd"]}, "writes"),
        ({"wirtes": ["/etc/passwd"]}, "wirtes"),
        ({"body": "x" * 200_000}, None),
    ],
)
def test_one_that_cannot_be_taken_is_refused_by_its_field(
    system: Any, program: Any, change: dict[str, Any], field: str | None
) -> None:
    answer = system.call("operator", "POST", "/api/scripts", own(program, **change))
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["remedy"]
    if field:
        assert field in answer.json()["field"]


def test_an_agent_may_not_submit_one(system: Any, program: Any) -> None:
    assert system.call("agent", "POST", "/api/scripts", own(program)).status_code == 403


def test_the_same_key_submits_it_once(system: Any, program: Any) -> None:
    script = own(program, start="rehearsal")
    answers = [
        system.call("operator", "POST", "/api/scripts", script, headers={"Idempotency-Key": program.id})
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
