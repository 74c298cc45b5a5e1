"""Where a command finds the system, and with whose key it goes there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from suture_cli.connection import Connection

Suture = Callable[..., Result]
EMPTY = (200, {"remediations": []})


def _authorization(gateway: Any) -> str:
    return str(gateway.requests[-1][3]["Authorization"])


def test_the_run_file_is_found_in_a_folder_above(
    running: Any, suture: Suture, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.on("GET", "/api/remediations", EMPTY)
    (workdir / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(workdir / "a" / "b")
    assert suture("list").exit_code == 0


def test_as_chooses_whose_key_is_used(running: Any, suture: Suture) -> None:
    running.on("GET", "/api/remediations", EMPTY)
    suture("list")
    assert _authorization(running) == "Bearer key-of-operator"
    suture("list", "--as", "admin")
    assert _authorization(running) == "Bearer key-of-admin"


def test_the_environment_comes_before_the_run_file(
    gateway: Any, workdir: Path, suture: Suture, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.on("GET", "/api/remediations", EMPTY)
    monkeypatch.setenv("SUTURE_API", gateway.url + "/")
    monkeypatch.setenv("SUTURE_API_KEY", "mine")
    assert suture("list").exit_code == 0
    assert _authorization(gateway) == "Bearer mine"


def test_a_role_and_a_key_of_ones_own_exclude_each_other(
    running: Any, suture: Suture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUTURE_API_KEY", "mine")
    result = suture("list", "--as", "admin")
    assert (result.exit_code, "--as" in result.stderr) == (2, True)


def test_an_address_without_a_key_names_the_variable(
    workdir: Path, suture: Suture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUTURE_API", "http://127.0.0.1:1")
    result = suture("list")
    assert (result.exit_code, "SUTURE_API_KEY" in result.stderr) == (2, True)


def test_without_a_system_the_remedy_is_suture_up(workdir: Path, suture: Suture) -> None:
    result = suture("list")
    assert (result.exit_code, "suture up" in result.stderr) == (3, True)
    assert len(result.stderr.splitlines()) == 1


def test_a_system_that_does_not_answer_is_unreachable(workdir: Path, suture: Suture) -> None:
    (workdir / ".suture").mkdir()
    run = {"api": "http://127.0.0.1:9", "keys": {"operator": "k"}}
    (workdir / ".suture" / "run.json").write_text(json.dumps(run))
    result = suture("list")
    assert (result.exit_code, "http://127.0.0.1:9" in result.stderr) == (3, True)


@pytest.mark.parametrize(
    "content",
    [
        "{broken",
        "[]",
        "{}",
        '{"api": 7, "keys": {"operator": "k"}}',
        '{"api": "file:///etc", "keys": {}}',
        '{"api": "http://127.0.0.1:9", "keys": {}}',
        '{"api": "http://127.0.0.1:9", "keys": []}',
    ],
)
def test_a_run_file_that_is_not_usable_is_named(workdir: Path, suture: Suture, content: str) -> None:
    (workdir / ".suture").mkdir()
    (workdir / ".suture" / "run.json").write_text(content)
    result = suture("list")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


def test_a_key_never_shows_in_a_text() -> None:
    assert "secret" not in repr(Connection("http://127.0.0.1:9", "secret"))
