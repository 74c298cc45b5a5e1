"""kill -9 of the runner at every step: one claim, no second body, and every byte as before or as after."""

from __future__ import annotations

import asyncio
import collections
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from suture_sandbox.protocol import RunPlan

DYING = Path(__file__).with_name("dying_runner.py")
BODY = """
set -eu
cd {root}
echo run >> log
mkdir -p config
cp good.conf config/db.conf
rm -r data/deep
mkdir data/new
echo new > data/new/file
ln -sfn data/new current
"""


def prepare(target) -> dict[str, object]:
    """Files, folders and a link to change, some of which are missing."""
    root = target.root
    (root / "log").write_text("")
    (root / "log").chmod(0o664)
    (root / "data" / "deep").mkdir()
    (root / "data" / "deep" / "old").write_text("old\n")
    (root / "current").symlink_to("data")
    writes = tuple(str(root / name) for name in ("log", "config/db.conf", "data", "current"))
    return {"writes": writes, "verify": f"grep -q host= {target.config}"}


async def die(target, plan: RunPlan, step: int) -> bool:
    """Let a runner die at that step; false where it came to its end before."""
    sandbox = target.sandbox
    work = sandbox._state / "runs" / plan.run_id
    sandbox._spawn = lambda run_id: 0  # the job is written, no runner is started
    await sandbox.start(plan)
    del sandbox._spawn
    command = [sys.executable, "-S", str(DYING), str(work), str(step)]
    ended = await asyncio.to_thread(subprocess.run, command, start_new_session=True)
    return ended.returncode == -signal.SIGKILL


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_a_runner_killed_at_any_step_is_taken_back_or_has_finished(target, record_property) -> None:
    fields = prepare(target)
    before = target.state()
    outcomes = []
    died, step = True, 0
    while died:
        step += 1
        plan = target.plan(BODY.format(root=target.root), name=f"run-{step}", **fields)
        died = await die(target, plan, step)
        result = await target.sandbox.result(plan.run_id)
        outcomes.append(result.outcome)
        if result.outcome == "succeeded":
            assert (target.root / "log").read_text() == "run\n"
            assert (
                await target.run("", mode="rollback", name=plan.claim_id, **fields)
            ).outcome == "rolled_back"
        else:
            assert result.outcome == "rolled_back", (step, result)
        assert target.state() == before, step
        claims = [path for path in (target.sandbox._state / "claims").glob("*/*") if path.is_dir()]
        assert len(claims) == step
    ends = dict(sorted(collections.Counter(outcomes).items()))
    record_property("counted", f"runner, apply: killed at {step - 1} points, {len(claims)} claims, {ends}")
    assert step > 40
    assert outcomes[-1] == "succeeded"


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_a_rollback_killed_at_any_step_is_finished(target, record_property) -> None:
    fields = prepare(target)
    before = target.state()
    died, step = True, 0
    while died:
        step += 1
        name = f"run-{step}"
        assert (await target.run(BODY.format(root=target.root), name=name, **fields)).outcome == "succeeded"
        plan = target.plan("", mode="rollback", name=name, **fields)
        died = await die(target, plan, step)
        assert (await target.sandbox.result(plan.run_id)).outcome == "rolled_back"
        assert target.state() == before, step
    record_property("counted", f"runner, rollback: killed at {step - 1} points, all rolled_back")
    assert step > 15


async def test_a_runner_killed_from_outside_while_its_body_runs_leaves_nothing(target, make_file) -> None:
    make_file("broken\n")
    before = target.state()
    marker = f"79{os.getpid()}"
    plan = target.plan(f"echo half > {target.config}; sleep {marker}")
    await target.sandbox.start(plan)
    await asyncio.sleep(0.6)
    os.kill(target.sandbox._children[plan.run_id].pid, signal.SIGKILL)
    result = await target.sandbox.result(plan.run_id)
    assert result.outcome == "rolled_back"
    assert "killed" in result.detail
    assert target.state() == before
    listed = await asyncio.to_thread(subprocess.run, ["pgrep", "-f", f"^sleep {marker}"], capture_output=True)
    assert listed.stdout == b""


async def test_another_sandbox_on_the_same_state_adopts_what_runs(target, state_folder) -> None:
    plan = target.plan(f"sleep 1; {target.fix()}")
    await target.sandbox.start(plan)
    await asyncio.sleep(0.4)
    other = type(target.sandbox)(state_folder)
    await other.open()
    assert other.identity() == target.sandbox.identity()
    await other.start(plan)
    assert (await other.result(plan.run_id)).outcome == "succeeded"
    assert (await target.sandbox.result(plan.run_id)).outcome == "succeeded"
