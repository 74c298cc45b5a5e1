"""The stop switch, as an operator throws it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
