"""SSH is killed around every request, the runner at every step: one claim, no second body, all or nothing."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from suture_sandbox.host.connection import Connection
from suture_sandbox.protocol import SandboxUnavailable

DYING_SSH = Path(__file__).with_name("dying_ssh.sh")
# Each kill costs seconds over SSH: every fifth step of the runner's, the first and the last among them.
STRIDE = 5
DYING_RUNNER = Path(__file__).parents[1] / "integration" / "dying_runner.py"


def claims(host) -> int:
    return sum(path.is_dir() for path in (host.state / "claims").glob("*/*"))


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["before", "middle", "after"])
async def test_ssh_killed_around_any_request_loses_no_run_and_repeats_none(
    host, tmp_path, monkeypatch, how: str
) -> None:
    command = Connection._command
    monkeypatch.setattr(
        Connection, "_command", lambda self: ["bash", str(DYING_SSH), str(tmp_path), *command(self)]
    )
    log = host.root / "log"
    log.write_text("")
    outcomes: Counter[str] = Counter()
    step, killed = 0, True
    while killed and step < 40:
        step += 1
        (tmp_path / "fatal").write_text(f"{step} {how}\n")
        (tmp_path / "count").write_text("0\n")
        host.config.write_text("broken\n")
        began = outcomes["succeeded"]
        plan = host.plan(
            f"echo ran >> {log}; echo host=db > {host.config}",
            name=f"{how}-{step}",
            writes=(str(host.config), str(log)),
        )
        try:
            await host.sandbox.start(plan)
            outcome = (await host.sandbox.result(plan.run_id)).outcome
        except SandboxUnavailable:
            outcome = "not started"
            await asyncio.sleep(0.5)
        outcomes[outcome] += 1
        killed = int((tmp_path / "count").read_text()) >= step
        assert outcome in ("succeeded", "not started"), step
        assert log.read_text() == "ran\n" * outcomes["succeeded"], step
        assert claims(host) == outcomes["succeeded"], step
        assert (host.config.read_text() == "host=db\n") == (outcomes["succeeded"] > began), step
    print(f"SSH killed {how} at each of {step - 1} requests: {dict(outcomes)}, {claims(host)} claims")
    assert step > 6
    assert outcomes["succeeded"] > 1


@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_a_runner_on_the_machine_itself_killed_at_many_steps_is_taken_back_or_has_finished(
    host, monkeypatch
) -> None:
    host.registered = {"sandbox": "none"}
    log = host.root / "log"
    log.write_text("")
    begin = host.sandbox._begin
    outcomes: Counter[str] = Counter()
    killed, step, runs = True, 1 - STRIDE, 0
    while killed:
        step += STRIDE
        runs += 1
        fields = {
            "name": f"run-{step}",
            "writes": (str(host.config), str(host.root / "new")),
            "rollback": f"echo undone >> {log}",
        }
        body = f"echo ran-{step} >> {log}; mkdir {host.root}/new; echo host=db > {host.config}"
        plan = host.plan(body, **fields)
        monkeypatch.setattr(host.sandbox, "_begin", nothing)
        await host.sandbox.start(plan)
        monkeypatch.setattr(host.sandbox, "_begin", begin)
        killed = await die(host.state / "runs" / plan.run_id, step)
        outcome = (await host.sandbox.result(plan.run_id)).outcome
        outcomes[outcome] += 1
        assert log.read_text().count(f"ran-{step}\n") <= 1, step
        if outcome == "succeeded":
            assert (await host.run(body, **fields, mode="rollback")).outcome == "rolled_back"
        else:
            assert outcome in ("rolled_back", "not_applied"), step
        assert host.config.read_text() == "broken\n", step
        assert not (host.root / "new").exists(), step
        assert claims(host) == runs
    print(f"the runner was killed at {runs - 1} steps: {dict(outcomes)}, {claims(host)} claims")
    assert step > 10
    assert outcomes["rolled_back"] > 1


async def nothing(*_: object) -> None:
    """In place of starting a runner."""


async def die(work: Path, step: int) -> bool:
    """Let a runner die at that step; false where it came to its end before."""
    command = [sys.executable, "-S", str(DYING_RUNNER), str(work), str(step)]
    ended = await asyncio.to_thread(subprocess.run, command, start_new_session=True)
    return ended.returncode == -signal.SIGKILL
