"""targets, stop and resume: what an operator does beside the remediations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Suture = Callable[..., Result]
TARGET = {
    "id": "orders-api",
    "kind": "local",
    "reach": {"root": "/srv/orders"},
    "facts": {"config_path": "/a/b"},
}


def test_targets_add_registers_one_or_a_list(running: Any, suture: Suture, workdir: Path) -> None:
    running.on("POST", "/api/targets", (201, {"target": TARGET, "revision": 1}))
    (workdir / "one.json").write_text(json.dumps(TARGET))
    (workdir / "two.json").write_text(json.dumps([TARGET, {**TARGET, "id": "billing"}]))
    assert "orders-api registered" in suture("targets", "add", "one.json").stdout
    assert "billing registered" in suture("targets", "add", "two.json").stdout
    assert [body["id"] for body in running.bodies("POST")] == ["orders-api", "orders-api", "billing"]
    assert running.requests[0][3]["Authorization"] == "Bearer key-of-operator"


@pytest.mark.parametrize(
    ("name", "text", "options", "word"),
    [
        ("play.yaml", "- hosts: all\n  tasks: []\n", (), "ansible"),
        ("notes", "hello\n", (), "--type"),
        ("fix.sh", "", (), "body"),
        ("fix.sh", "#!/bin/bash\n", ("--writes", "/etc/../passwd"), "writes"),
        ("fix.sh", "#!/bin/bash\n", ("--verify", "missing.sh"), "missing.sh"),
    ],
)
def test_run_names_what_is_wrong_and_sends_nothing(
    running: Any,
    suture: Suture,
    workdir: Path,
    name: str,
    text: str,
    options: tuple[str, ...],
    word: str,
) -> None:
    (workdir / name).write_text(text)
    result = suture("run", name, "--target", "orders-api", *options)
    assert (result.exit_code, word in result.stderr) == (2, True), result.stderr
    assert running.requests == []


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({**TARGET, "kind": "planet"}, "kind"),
        ({**TARGET, "id": "a b"}, "id"),
        ({"kind": "local"}, "id"),
        ([TARGET, {**TARGET, "facts": []}], "[1].facts"),
        ([TARGET, 7], "[1]"),
        ([], "empty"),
    ],
)
def test_targets_add_names_what_is_wrong_and_sends_nothing(
    running: Any, suture: Suture, workdir: Path, content: Any, word: str
) -> None:
    (workdir / "bad.json").write_text(json.dumps(content))
    result = suture("targets", "add", "bad.json")
    assert (result.exit_code, word in result.stderr) == (2, True)
    assert running.requests == []


def test_targets_list_and_remove(running: Any, suture: Suture) -> None:
    running.on(
        "GET", "/api/targets", (200, {"targets": [{"target": {**TARGET, "owner": "me"}, "revision": 4}]})
    )
    running.on("DELETE", "/api/targets/orders-api", (200, {"id": "orders-api"}))
    assert "orders-api" in suture("targets", "list").stdout
    assert suture("targets", "remove", "orders-api").exit_code == 0
    assert suture("targets", "remove", "../remediations").exit_code == 2


def test_targets_show_and_check(running: Any, suture: Suture) -> None:
    running.on("GET", "/api/targets/orders-api", (200, {"target": {**TARGET, "owner": "me"}, "revision": 4}))
    shown = suture("targets", "show", "orders-api").stdout
    assert "root = /srv/orders" in shown
    found = {
        "target_id": "orders-api", "reachable": True, "detail": "", "isolation": ["bubblewrap"],
        "rights": ["read /srv/orders"], "missing": [],
    }  # fmt: skip
    running.on("POST", "/api/targets/orders-api/check", (200, found))
    checked = suture("targets", "check", "orders-api")
    assert (checked.exit_code, "can be reached" in checked.stdout) == (0, True)
    running.on("POST", "/api/targets/orders-api/check", (200, {**found, "missing": ["get leases"]}))
    lacking = suture("targets", "check", "orders-api")
    assert (lacking.exit_code, "get leases" in lacking.stdout) == (1, True)


def test_stop_and_resume_name_what_they_stop(running: Any, suture: Suture) -> None:
    running.on("POST", "/api/stop", (200, {"stop": {}}))
    running.on("POST", "/api/resume", (200, {"stop": {}}))
    assert "everything stopped (pause)" in suture("stop", "--reason", "storm").stdout
    assert "orders-api stopped (abort)" in suture("stop", "--target", "orders-api", "--abort").stdout
    assert "everything resumed" in suture("resume").stdout
    assert running.bodies("POST") == [
        {"mode": "pause", "reason": "storm"},
        {"target_id": "orders-api", "mode": "abort"},
        {},
    ]


LETTER = {
    "id": "0f" * 16,
    "type": "rca.received",
    "origin": "analyzer.rca.received",
    "reason": "unknown category 'Weather'",
    "field": "root_cause_category",
    "remedy": "use one of Configuration",
    "at": "2026-01-01T10:00:00+00:00",
    "error": "PermanentError",
    "size": 20,
}


@pytest.fixture
def letters(running: Any) -> Any:
    path = f"/api/dead-letters/{LETTER['id']}"
    running.on("GET", "/api/dead-letters", (200, {"dead_letters": [LETTER]}))
    running.on("GET", path, (200, {**LETTER, "body": '{"a":"\\u001b[2J"}', "stack": "Traceback\x1b[2J"}))
    running.on("POST", f"{path}/replay", (202, {"id": LETTER["id"], "origin": LETTER["origin"]}))
    running.on("DELETE", path, (200, {"id": LETTER["id"]}))
    return running


def test_dead_letters_are_listed_with_field_and_reason(letters: Any, suture: Suture) -> None:
    shown = suture("dead-letters", "list").stdout
    assert all(text in shown for text in (LETTER["id"], "root_cause_category", "unknown category"))


def test_a_page_of_dead_letters_says_how_to_get_the_next(letters: Any, suture: Suture) -> None:
    letters.on("GET", "/api/dead-letters", (200, {"dead_letters": [LETTER], "next_after": LETTER["id"]}))
    shown = suture("dead-letters", "list", "--limit", "1", "--after", "0a0a")
    assert shown.stderr == f"there are more: --after {LETTER['id']}\n"
    assert "after=0a0a" in letters.requests[0][1]


def test_a_beginning_that_several_dead_letters_share_is_bad_input(letters: Any, suture: Suture) -> None:
    letters.on("GET", "/api/dead-letters", (200, {"dead_letters": [LETTER, {**LETTER, "id": "0f0e"}]}))
    assert suture("dead-letters", "drop", "0f0").exit_code == 2
    assert letters.bodies("DELETE") == []


def test_a_dead_letter_is_shown_replayed_and_dropped_by_the_beginning_of_its_id(
    letters: Any, suture: Suture
) -> None:
    shown = suture("dead-letters", "show", "0f0f").stdout
    assert all(text in shown for text in ("use one of Configuration", "body, 20 bytes", "Traceback"))
    assert "\x1b[2J" not in shown
    assert "analyzer.rca.received" in suture("dead-letters", "replay", "0f0f").stdout
    assert suture("dead-letters", "drop", str(LETTER["id"])).exit_code == 0


@pytest.mark.parametrize("identifier", ["unknown", "..", "", "a/b"])
def test_a_dead_letter_that_is_not_there_is_bad_input(letters: Any, suture: Suture, identifier: str) -> None:
    letters.on("GET", "/api/dead-letters", (200, {"dead_letters": []}))
    assert suture("dead-letters", "drop", identifier).exit_code == 2


def test_no_dead_letters_are_nothing_on_stdout(letters: Any, suture: Suture) -> None:
    letters.on("GET", "/api/dead-letters", (200, {"dead_letters": []}))
    result = suture("dead-letters", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no dead letters\n")
