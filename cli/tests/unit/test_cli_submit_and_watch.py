"""submit, watch and list: what goes in, what is shown, and what the exit code says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Suture = Callable[..., Result]
REMEDIATION = "7f6d3f58-6f0f-5f6c-8a3e-0c4c8f0f1a01"
FINDING = {
    "anomaly_id": "anomaly-123",
    "root_cause_category": "Configuration",
    "root_cause_details": "Missing configuration file for database connection",
    "confidence_score": "HIGH",
}
VULNERABILITY = {"vulnerability_id": "CVE-2022-0778", "package": "openssl"}


def _file(folder: Path, content: object) -> str:
    path = folder / "in.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def _accepting(gateway: Any) -> None:
    for path in ("/api/findings", "/api/vulnerabilities"):
        gateway.on("POST", path, (202, {"remediation_id": REMEDIATION, "script_id": "s"}))


@pytest.mark.parametrize(
    ("content", "path", "sent"),
    [
        (FINDING, "/api/findings", FINDING),
        (VULNERABILITY, "/api/vulnerabilities", VULNERABILITY),
        ({"title": "Example", "finding": FINDING, "expected": "succeeded"}, "/api/findings", FINDING),
        ({"vulnerability": VULNERABILITY}, "/api/vulnerabilities", VULNERABILITY),
    ],
)
def test_submit_detects_what_the_file_holds(
    running: Any, suture: Suture, workdir: Path, content: Any, path: str, sent: Any
) -> None:
    _accepting(running)
    result = suture("submit", _file(workdir, content))
    assert (result.exit_code, result.stdout) == (0, REMEDIATION + "\n")
    assert [(verb, url, body) for verb, url, body, _ in running.requests] == [("POST", path, sent)]


def test_submit_reads_stdin(running: Any, suture: Suture) -> None:
    _accepting(running)
    assert suture("submit", "-", input=json.dumps(FINDING)).exit_code == 0


def test_submit_sends_the_idempotency_key(running: Any, suture: Suture, workdir: Path) -> None:
    _accepting(running)
    suture("submit", _file(workdir, FINDING), "--key", "once")
    assert running.requests[0][3]["Idempotency-Key"] == "once"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("succeeded", 0),
        ("already_remediated", 0),
        ("no_action", 0),
        ("rolled_back", 1),
        ("rejected", 1),
        ("denied", 1),
        ("generation_failed", 1),
        ("unknown", 1),
        ("awaiting_approval", 4),
        ("awaiting_target", 4),
    ],
)
def test_submit_wait_tells_the_end_by_its_exit_code(
    running: Any, suture: Suture, workdir: Path, end: str, code: int
) -> None:
    _accepting(running)
    running.remediation("received", "analyzed", end)
    result = suture("submit", _file(workdir, FINDING), "--wait", "20")
    assert result.exit_code == code
    assert [line.split()[-1] for line in result.stdout.splitlines()[1:]] == ["received", "analyzed", end]


def test_submit_wait_goes_on_through_a_rehearsal(running: Any, suture: Suture, workdir: Path) -> None:
    _accepting(running)
    running.remediation("received", "awaiting_rehearsal", "approved", "succeeded")
    assert suture("submit", _file(workdir, FINDING), "--wait=20").exit_code == 0


def test_submit_wait_ends_with_4_when_the_time_is_over(running: Any, suture: Suture, workdir: Path) -> None:
    _accepting(running)
    running.remediation("received")
    result = suture("submit", "--wait", "0.4", _file(workdir, FINDING))
    assert result.exit_code == 4
    assert "still received" in result.stderr


def test_wait_needs_no_number_wherever_it_stands(running: Any, suture: Suture, workdir: Path) -> None:
    _accepting(running)
    running.remediation("received", "succeeded")
    assert suture("submit", "--wait", _file(workdir, FINDING)).exit_code == 0
    assert suture("submit", _file(workdir, FINDING), "--wait", "--json").exit_code == 0


def test_submit_json_prints_the_remediation_alone(running: Any, suture: Suture, workdir: Path) -> None:
    _accepting(running)
    running.remediation("received", "succeeded")
    result = suture("submit", _file(workdir, FINDING), "--wait", "9", "--json")
    assert json.loads(result.stdout)["state"] == "succeeded"
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{broken", ("not JSON", "line 1 column 2")),
        ("[1]", ("not an object",)),
        ("{}", ("anomaly_id", "vulnerability_id")),
        (
            {**FINDING, "root_cause_category": "Weather"},
            ("root_cause_category", "unknown category", "use one of"),
        ),
        ({**FINDING, "root_cause_details": "a\x00b"}, ("root_cause_details", "NUL")),
        ({"anomaly_id": "a"}, ("root_cause_category", "missing")),
        ({**FINDING, "severity": 7}, ("severity",)),
        ({"vulnerability_id": ["x"]}, ("vulnerability_id",)),
        ("[" * 100_000, ("JSON",)),
        ('"' + "x" * 1_100_000 + '"', ("larger than",)),
    ],
)
def test_submit_refuses_bad_files_before_sending_anything(
    running: Any, suture: Suture, workdir: Path, content: Any, words: tuple[str, ...]
) -> None:
    result = suture("submit", _file(workdir, content))
    assert result.exit_code == 2
    assert all(word in result.stderr for word in words), result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert running.requests == []


def test_submit_names_a_file_that_is_missing_or_not_text(running: Any, suture: Suture, workdir: Path) -> None:
    assert "No such file" in suture("submit", "none.json").stderr
    (workdir / "b.json").write_bytes(b'{"a": "\xff"}')
    result = suture("submit", "b.json")
    assert (result.exit_code, "UTF-8" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, 2), (401, 2), (403, 2), (413, 2), (422, 2), (409, 1), (500, 1), (429, 3), (503, 3)],
)
def test_a_refusal_shows_field_and_remedy(
    running: Any, suture: Suture, workdir: Path, status: int, code: int
) -> None:
    problem = {"title": "Refused", "detail": "too loud", "field": "severity", "remedy": "whisper"}
    running.on("POST", "/api/findings", (status, problem))
    result = suture("submit", _file(workdir, FINDING))
    assert (result.exit_code, result.stderr) == (code, "suture: severity: Refused: too loud; whisper\n")


def test_an_answer_that_is_not_sutures_is_named(running: Any, suture: Suture, workdir: Path) -> None:
    running.on("POST", "/api/findings", (200, b"<html>hello</html>"))
    result = suture("submit", _file(workdir, FINDING))
    assert (result.exit_code, "SUTURE_API" in result.stderr) == (3, True)


def test_watch_shows_every_state_and_ends_with_the_remediation(running: Any, suture: Suture) -> None:
    running.remediation("received", "awaiting_approval", "approved", "applying", "succeeded")
    result = suture("watch", REMEDIATION)
    shown = [line.split()[-1] for line in result.stdout.splitlines()]
    assert shown == ["received", "awaiting_approval", "approved", "applying", "succeeded"]
    assert result.exit_code == 0


def test_watch_shows_steps_and_output_harmlessly(running: Any, suture: Suture) -> None:
    running.remediation("applying", "succeeded")
    running.events(
        ("state", {"state": "applying", "at": "2026-01-01T10:00:00+00:00"}),
        ("step", {"target": "orders-api", "mode": "apply", "at": 1.0, "step": "verify"}),
        ("output", {"target": "orders-api", "mode": "apply", "at": 1.0, "line": "\x1b[31mred"}),
        ("state", {"state": "rolled_back", "at": "2026-01-01T10:00:00+00:00"}),
        ("end", {"state": "rolled_back", "error": "the verification failed"}),
    )
    result = suture("watch", REMEDIATION)
    assert "verify on orders-api" in result.stdout
    assert "| \\x1b[31mred" in result.stdout
    assert "the verification failed" in result.stdout
    assert result.exit_code == 1


def test_watch_json_prints_one_object_a_state(running: Any, suture: Suture) -> None:
    running.remediation("received", "rejected")
    result = suture("watch", REMEDIATION, "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["remediation_id"], line["state"]) for line in lines] == [
        (REMEDIATION, "received"),
        (REMEDIATION, "rejected"),
    ]
    assert result.exit_code == 1


def test_watch_says_why_a_script_was_rejected(running: Any, suture: Suture) -> None:
    error = "the last script was refused; destructive.rm in body line 3 column 1: removes /"
    running.remediation("received", "rejected", error=error)
    assert "destructive.rm in body line 3 column 1: removes /" in suture("watch", REMEDIATION).stdout


def test_list_shows_whole_ids_and_states(running: Any, suture: Suture) -> None:
    running.remediation("received", "succeeded")
    documents = running.answers["GET", f"/api/remediations/{REMEDIATION}"][-1][1]
    running.on("GET", "/api/remediations", (200, {"remediations": [documents], "next_cursor": None}))
    result = suture("list", "--state", "succeeded", "--limit", "5")
    assert result.exit_code == 0
    assert all(word in result.stdout for word in (REMEDIATION, "succeeded", "anomaly-123", "Configuration"))
    assert running.requests[0][1] == "/api/remediations?state=succeeded&limit=5"


def test_what_a_finding_says_cannot_steer_the_terminal(running: Any, suture: Suture) -> None:
    running.remediation("received", reference="a\x1b]0;owned\x07", category="[red]Other[/red]")
    documents = running.answers["GET", f"/api/remediations/{REMEDIATION}"][-1][1]
    running.on("GET", "/api/remediations", (200, {"remediations": [documents]}))
    for command in (("list",), ("show", REMEDIATION)):
        shown = suture(*command).stdout
        assert "\x1b]" not in shown
        assert "\x07" not in shown
        assert "[red]Other[/red]" in shown
