"""kill -9 of the runner around every request: one claim, no change twice, rows as before or as after."""

from __future__ import annotations

import asyncio
import collections
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DYING = Path(__file__).with_name("dying_runner.py")
FIX = (
    "UPDATE orders SET total = total + 1 WHERE state = 'stuck';\n"
    "INSERT INTO orders (id, state, total) VALUES (9, 'open', 1)"
)
VERIFY = "SELECT count(*) = 1 FROM orders WHERE id = 9"


@pytest.mark.chaos
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["apply", "rollback"])
async def test_a_runner_killed_around_any_request_is_finished_by_the_next(
    database, mode: str, record_property
) -> None:
    before = database.rows()
    killed, step, outcomes = True, 0, []
    while killed:
        step += 1
        name = f"{mode}-{step}"
        if mode == "rollback":
            assert (await database.run(FIX, name=name, verify=VERIFY)).outcome == "succeeded"
        plan = database.plan(FIX, mode=mode, name=name, verify=VERIFY)
        killed = await die(database.sandbox, plan, step)
        result = await database.sandbox.result(plan.run_id)
        outcomes.append(result.outcome)
        if result.outcome == "succeeded":
            assert [str(row[2]) for row in database.rows()][:2] in (["10.99", "1.10"], ["10.99", "1.1"])
            again = await database.run(FIX, name=name, mode="rollback", verify=VERIFY)
            assert again.outcome == "rolled_back"
        else:
            assert result.outcome == "rolled_back", (step, result)
        assert [[str(value) for value in row] for row in database.rows()] == [
            [str(value) for value in row] for row in before
        ], step
        assert database.claims() == step
    ends = dict(sorted(collections.Counter(outcomes).items()))
    record_property(
        "counted", f"{database.engine}, {mode}: killed at {step - 1} points, {step} claims, {ends}"
    )
    assert step > 10


async def die(sandbox, plan, step: int) -> bool:
    """Let a runner die at that step; false where it came to its end before."""
    sandbox._spawn = lambda run_id: 0  # the job is written, no runner is started
    await sandbox.start(plan)
    del sandbox._spawn
    work = sandbox._state / "runs" / plan.run_id
    command = [sys.executable, str(DYING), str(work), str(step)]
    ended = await asyncio.to_thread(subprocess.run, command, start_new_session=True)
    return ended.returncode == -signal.SIGKILL
