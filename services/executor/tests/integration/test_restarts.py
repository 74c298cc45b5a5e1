"""kill -9 of the executor while a body runs: the run goes on, is adopted, and happens once."""

from __future__ import annotations

import asyncio
import collections
import os
import signal
from pathlib import Path

import pytest
from suture_contracts.events import ExecutionCompleted, ExecutionStarted

MOST_DEATHS = 24
DYING = Path(__file__).with_name("dying_executor.py")

pytestmark = pytest.mark.chaos


async def appears(path: Path) -> None:
    async with asyncio.timeout(20):
        while not path.exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.02)


async def test_a_killed_executor_adopts_what_runs_and_nothing_runs_twice(
    world, spawn, claims, tmp_path
) -> None:
    first = spawn()
    await world.registers()
    seen = world.root / "data.log"
    body = f"echo run >> {seen}; sleep 2; mkdir -p {world.config.parent}; echo host=1 > {world.config}"
    approved = world.approved(world.document(body, writes=(str(world.config), str(seen))))
    await world.wire.publish(approved, as_="approver")
    await world.wire.expect(ExecutionStarted)
    await asyncio.sleep(0.7)
    first.end()
    spawn()
    done = await world.completed(approved)
    assert done.outcome == "succeeded"
    assert seen.read_text() == "run\n"
    assert len(claims()) == 1
    assert len(world.wire.seen(ExecutionCompleted)) == 1


async def test_a_run_that_ended_while_no_executor_was_there_is_recorded(
    world, spawn, claims, tmp_path
) -> None:
    first = spawn()
    await world.registers()
    approved = world.approved(world.document(f"sleep 1; {world.document().body}"))
    await world.wire.publish(approved, as_="approver")
    await world.wire.expect(ExecutionStarted)
    await asyncio.sleep(0.5)
    first.end()
    await appears(world.config)
    await asyncio.sleep(0.5)
    spawn()
    assert (await world.completed(approved)).outcome == "succeeded"
    assert len(claims()) == 1


async def test_a_run_whose_claims_are_gone_is_unknown_and_never_run_again(
    world, spawn, claims, tmp_path
) -> None:
    first = spawn()
    await world.registers()
    approved = world.approved(world.document("sleep 60"))
    await world.wire.publish(approved, as_="approver")
    await world.wire.expect(ExecutionStarted)
    await asyncio.sleep(0.5)
    first.end()
    runner = next((tmp_path / "state" / "runs").glob("*/lock"))
    os.kill(int(runner.read_text()), signal.SIGKILL)
    (tmp_path / "state").rename(tmp_path / "lost")
    spawn()
    done = await world.completed(approved)
    assert done.outcome == "unknown"
    assert not claims()


async def test_killed_again_and_again_everything_ends_once(world, spawn, claims, tmp_path) -> None:
    process = spawn()
    roots = [tmp_path / f"app-{number}" for number in range(6)]
    for root in roots:
        root.mkdir()
        await world.registers(root.name, root)
    pending = [world.logging(root / "log", before="sleep 0.5; ", target=root.name) for root in roots]
    for number, approved in enumerate(pending):
        await world.wire.publish(approved, as_="approver")
        if number % 2:
            await asyncio.sleep(0.4)
            process.end()
            process = spawn()
    outcomes = [(await world.completed(approved)).outcome for approved in pending]
    assert outcomes == ["succeeded"] * 6
    assert [(root / "log").read_text() for root in roots] == ["run\n"] * 6
    assert len(claims()) == 6
    assert not await world.wire.dead_letters()


@pytest.mark.timeout(900)
async def test_an_executor_killed_at_any_write_is_followed_by_one_that_ends_it(
    world, spawn, claims, tmp_path, record_property
) -> None:
    """Each execution is taken up by an executor that dies two steps later than the one before."""
    first = spawn()
    await world.registers()
    first.end()
    armed = tmp_path / "armed"
    armed.touch()
    killed, step, outcomes = True, 0, []
    # What is written now and then goes on after an execution's own writes: there is always a next one.
    while killed and step < MOST_DEATHS:
        step += 1
        first = spawn(str(DYING), str(2 * step - 1), str(armed))
        path = world.root / f"log-{step}"
        approved = world.logging(path, before="sleep 0.2; ")
        await world.wire.publish(approved, as_="approver")
        killed = await world.dies(first, step)
        second = spawn() if killed else first
        outcomes.append((await world.completed(approved)).outcome)
        assert path.read_text() == "run\n", step
        second.end()
    begun = [path for path in claims() if (path / "body-started").exists()]
    ends = dict(sorted(collections.Counter(outcomes).items()))
    counts = f"{len(claims())} claims, {len(begun)} bodies, {ends}"
    record_property("counted", f"executor killed at {step - (not killed)} points: {counts}")
    assert len(claims()) == len(begun) == step
    assert set(outcomes) == {"succeeded"}
    assert step > 10
    assert not await world.wire.dead_letters()
