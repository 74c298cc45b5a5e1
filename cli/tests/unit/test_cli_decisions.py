"""approve, deny, rollback, show: exactly what was read is named, and ids may be short."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Suture = Callable[..., Result]
REMEDIATION = "7f6d3f58-6f0f-5f6c-8a3e-0c4c8f0f1a01"
SCRIPT = "1b1c8f58-6f0f-5f6c-8a3e-0c4c8f0f1a02"
SCRIPTS = f"/api/generative-remediation/scripts/{SCRIPT}"
DIGEST = "ab" * 32
DOCUMENT = {
    "id": SCRIPT,
    "remediationId": REMEDIATION,
    "revision": 2,
    "digest": DIGEST,
    "scriptType": "bash",
    "script": "#!/bin/bash\nset -euo pipefail\ncp a b\n",
    "verify": "cmp a b\n",
    "rollback": "",
    "writes": ["/srv/b"],
    "targets": ["orders-api"],
    "origin": "template",
    "template": {"id": "missing-configuration-file", "revision": 1},
    "confidence": {"total": 61.5, "level": "MEDIUM", "parts": {"template_match": 40.0}},
    "validation": {"isValid": True, "safetyScore": 0.97, "findings": []},
    "approval": {"approvalId": "ap-1", "approversRequired": 1, "expiresAt": "later", "notifyOnly": False},
}


@pytest.fixture
def waiting(running: Any) -> Any:
    running.remediation("received", "awaiting_approval", script={"id": SCRIPT})
    running.on("GET", SCRIPTS, (200, DOCUMENT))
    for verb in ("approve", "deny"):
        answer = {"id": SCRIPT, "status": f"{verb}d", "approvals": 1, "approversRequired": 1}
        running.on("POST", f"{SCRIPTS}/{verb}", (200, answer))
    return running


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_a_decision_names_revision_digest_and_approval(waiting: Any, suture: Suture, verb: str) -> None:
    result = suture(verb, REMEDIATION, "--reason", "seen")
    assert result.exit_code == 0
    assert waiting.bodies("POST") == [
        {"revision": 2, "digest": DIGEST, "approvalId": "ap-1", "reason": "seen"}
    ]
    assert waiting.requests[-1][3]["Authorization"] == "Bearer key-of-supervisor"
    assert "revision 2" in result.stdout
    assert DIGEST in result.stdout


def test_a_script_id_and_the_beginning_of_an_id_name_the_remediation_too(
    waiting: Any, suture: Suture
) -> None:
    entry = {"remediation_id": REMEDIATION, "script_id": SCRIPT, "state": "awaiting_approval"}
    waiting.on("GET", "/api/remediations", (200, {"remediations": [entry]}))
    assert suture("approve", SCRIPT).exit_code == 0
    assert suture("approve", REMEDIATION[:8]).exit_code == 0
    assert suture("approve", SCRIPT[:4]).exit_code == 0


def test_approve_refuses_a_script_that_is_not_the_reviewed_one(waiting: Any, suture: Suture) -> None:
    result = suture("approve", REMEDIATION, "--digest", "cdcdcdcd")
    assert (result.exit_code, DIGEST in result.stderr) == (1, True)
    assert waiting.bodies("POST") == []
    assert suture("approve", REMEDIATION, "--digest", "a").exit_code == 2
    assert suture("approve", REMEDIATION, "--digest", DIGEST[:12].upper()).exit_code == 0


def test_a_stale_approval_shows_the_state_as_it_is(waiting: Any, suture: Suture) -> None:
    problem = {"title": "Conflict", "detail": "stale", "state": {"state": "denied", "revision": 3}}
    waiting.on("POST", f"{SCRIPTS}/approve", (409, problem))
    result = suture("approve", REMEDIATION)
    assert (result.exit_code, "state=denied, revision=3" in result.stderr) == (1, True)


@pytest.mark.parametrize("identifier", ["..", "zzz", "../../etc", "a b", "\x00", "%2e%2e", "ffff", "7"])
def test_an_id_that_is_none_is_bad_input(running: Any, suture: Suture, identifier: str) -> None:
    running.on("GET", "/api/remediations", (200, {"remediations": []}))
    result = suture("show", identifier)
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)


def test_an_unknown_id_is_bad_input(running: Any, suture: Suture) -> None:
    assert suture("show", REMEDIATION).exit_code == 2


def test_show_has_the_script_with_line_numbers_and_its_judgement(waiting: Any, suture: Suture) -> None:
    shown = suture("show", REMEDIATION).stdout
    for text in (
        "   3  cp a b",
        "template_match",
        "61.5",
        "safety score 0.97",
        "orders-api",
        "/srv/b",
        DIGEST,
    ):
        assert text in shown
    assert "missing-configuration-file:1" in shown


def test_show_says_how_many_findings_it_stands_for(running: Any, suture: Suture) -> None:
    running.remediation("received", "no_action", count=7)
    assert "7 findings that say the same" in suture("show", REMEDIATION).stdout


def test_show_has_what_the_runs_did(running: Any, suture: Suture) -> None:
    run = {
        "target": "orders-api",
        "outcome": "rolled_back",
        "exit_code": 3,
        "seconds": 1.23,
        "isolation": ["bubblewrap"],
        "detail": "verification failed",
        "output_tail": "one\ntwo\x1b[2J\n",
        "before": {"/srv/b": "1" * 64},
        "after": {"/srv/b": "2" * 64},
        "snapshot": "/var/lib/suture/claims/e",
        "diff": "--- /srv/b\n+host=\x1b[2Jdb\n",
        "undo": "install -T -- '/var/lib/suture/claims/e/snapshot/1' '/srv/b'",
    }
    running.remediation("received", "rolled_back", runs=[run])
    shown = suture("show", REMEDIATION).stdout
    for text in (
        "exit code 3 in 1.2 s",
        "verification failed",
        "    | one",
        "isolation: bubblewrap",
        "changed /srv/b",
        "      --- /srv/b",
        "snapshot: /var/lib/suture/claims/e",
        f"      {run['undo']}",
    ):
        assert text in shown
    assert "\x1b[2J" not in shown


def test_show_json_is_the_document_itself(waiting: Any, suture: Suture) -> None:
    assert json.loads(suture("show", REMEDIATION, "--json").stdout)["remediation_id"] == REMEDIATION


@pytest.mark.parametrize(("end", "code"), [("rolled_back", 0), ("rollback_failed", 1), ("rolling_back", 4)])
def test_rollback_wait_ends_with_what_became_of_it(running: Any, suture: Suture, end: str, code: int) -> None:
    running.remediation("received", "succeeded", end)
    running.on("POST", f"/api/remediations/{REMEDIATION}/rollback", (202, {"execution_id": "e"}))
    assert suture("rollback", REMEDIATION, "--reason", "again", "--wait", "1").exit_code == code
    assert running.bodies("POST") == [{"reason": "again"}]
