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
    await harmed_at_any_request(database, mode, "kill", record_property)


@pytest.mark.chaos
@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", ["apply", "rollback"])
async def test_a_connection_lost_around_any_request_changes_nothing_twice(
    postgres, mode: str, record_property
) -> None:
    await harmed_at_any_request(postgres, mode, "cut", record_property)


async def harmed_at_any_request(database, mode: str, harm: str, record_property) -> None:
    before = database.rows()
    harmed, step, outcomes = True, 0, []
    while harmed:
        step += 1
        name = f"{mode}-{step}"
        if mode == "rollback":
            assert (await database.run(FIX, name=name, verify=VERIFY)).outcome == "succeeded"
        plan = database.plan(FIX, mode=mode, name=name, verify=VERIFY)
        harmed = await harm_at(database.sandbox, plan, step, harm)
        result = await database.sandbox.result(plan.run_id)
        outcomes.append(result.outcome)
        if result.outcome == "succeeded":
            assert [str(row[2]) for row in database.rows()][:2] in (["10.99", "1.10"], ["10.99", "1.1"])
            again = await database.run(FIX, name=name, mode="rollback", verify=VERIFY)
            assert again.outcome == "rolled_back"
        else:
            assert result.outcome in ("rolled_back", "not_applied"), (step, result)
            assert harm == "cut" or result.outcome == "rolled_back", (step, result)
        assert [[str(value) for value in row] for row in database.rows()] == [
            [str(value) for value in row] for row in before
        ], step
        # A connection that was lost before there was a table of claims left none.
        assert harm == "cut" or database.claims() == step
    ends = dict(sorted(collections.Counter(outcomes).items()))
    word = {"kill": "runner killed", "cut": "connection lost"}[harm]
    counts = f"{database.claims()} claims, {ends}"
    record_property("counted", f"{database.engine}, {mode}: {word} at {step - 1} points: {counts}")
    assert database.claims() <= step
    assert step > 10


async def harm_at(sandbox, plan, step: int, harm: str) -> bool:
    """Let a runner die, or lose its connection, at that step; false where it came to its end before."""
    sandbox._spawn = lambda run_id: 0  # the job is written, no runner is started
    await sandbox.start(plan)
    del sandbox._spawn
    work = sandbox._state / "runs" / plan.run_id
    command = [sys.executable, str(DYING), str(work), str(step), harm]
    ended = await asyncio.to_thread(subprocess.run, command, start_new_session=True)
    return ended.returncode == -signal.SIGKILL or (work / "cut").exists()
