"""The stop switch, as an operator throws it: what may not start, what is taken back, and what goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

Suture = Callable[..., None]


@pytest.fixture
def suture(system: Any, tmp_path: Path) -> Iterator[Suture]:
    """The command, where a run file leads to the system; afterwards nothing is stopped."""
    (tmp_path / ".suture").mkdir()
    run = {"api": system.stack.api_url, "keys": dict(system.stack.tokens)}
    (tmp_path / ".suture" / "run.json").write_text(json.dumps(run))

    def call(*arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "suture_cli", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    yield call
    call("resume")


def submit(system: Any, program: Any) -> str:
    return str(system.call("operator", "POST", "/api/findings", program.finding()).json()["remediation_id"])


def running(system: Any, program: Any, seconds: int) -> str:
    """An approved script that has changed its file already; its verification, not its rehearsal's, sleeps."""
    held = program.root / "known-good" / "held"
    verify = (
        f"#!/bin/bash\nset -euo pipefail\ntest -s {program.config}\n"
        f"if test -e {held}; then sleep {seconds}; fi\n"
    )
    script = {
        "script_type": "bash",
        "body": f"#!/bin/bash\nset -euo pipefail\ncp {program.known_good} {program.config}\n",
        "verify": verify,
        "writes": [str(program.config)],
        "targets": [program.id],
        "title": "held.sh",
    }
    id = str(system.call("supervisor", "POST", "/api/scripts", script).json()["remediation_id"])
    found = system.wait(id, "awaiting_approval")
    held.write_text("")
    seen = {"revision": found["revision"], "digest": found["script"]["sha256"]}
    path = f"/api/generative-remediation/scripts/{found['script_id']}/approve"
    answer = system.call("admin", "POST", path, seen)
    assert answer.status_code == 200, answer.text
    deadline = time.monotonic() + 45
    while not program.config.exists():
        assert time.monotonic() < deadline, system.remediation(id)["states"]
        time.sleep(0.05)
    return id


def test_nothing_starts_while_all_is_stopped_and_it_goes_on_after(
    system: Any, program: Any, suture: Suture
) -> None:
    suture("stop", "--reason", "storm")
    id = submit(system, program)
    system.wait(id, "approved")
    time.sleep(3)
    assert system.remediation(id)["state"] == "approved"
    assert not program.config.exists()
    suture("resume")
    assert system.wait(id)["state"] == "succeeded"
    assert program.config.read_bytes() == program.known_good.read_bytes()


def test_an_abort_of_one_target_takes_back_what_runs_there_and_leaves_the_others_alone(
    system: Any, program: Any, make_program: Any, tmp_path: Path, suture: Suture
) -> None:
    other = system.register(make_program(tmp_path, f"other-{uuid4().hex[:8]}"))
    id = running(system, program, seconds=90)
    suture("stop", "--target", program.id, "--abort")
    assert system.wait(id, within=30)["state"] == "rolled_back"
    assert not program.config.exists()
    assert system.wait(submit(system, other))["state"] == "succeeded"
    waiting = submit(system, program)
    system.wait(waiting, "approved")
    assert not program.config.exists()
    suture("resume", "--target", program.id)
    assert system.wait(waiting)["state"] == "succeeded"


def test_a_stop_without_abort_lets_what_runs_come_to_its_end(
    system: Any, program: Any, suture: Suture
) -> None:
    id = running(system, program, seconds=4)
    suture("stop", "--target", program.id)
    assert system.wait(id)["state"] == "succeeded"
    suture("resume", "--target", program.id)
