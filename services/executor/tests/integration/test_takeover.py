"""An executor is killed for good: another one ends what it had, and nothing runs twice."""

from __future__ import annotations

import asyncio
import collections
import signal
import time
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient
from suture_contracts.events import ExecutionCompleted, ExecutionStarted

MOST_DEATHS = 24
DYING = Path(__file__).with_name("dying_executor.py")
OTHER = {"SUTURE_INSTANCE": "1", "SUTURE_RETIRED_AFTER": "1.5"}

pytestmark = pytest.mark.chaos


async def test_of_two_executors_one_dies_for_good_and_the_other_ends_everything(
    world, spawn, claims, tmp_path
) -> None:
    first, _ = spawn(SUTURE_RETIRED_AFTER="1.5"), spawn(**OTHER)
    roots = [tmp_path / f"app-{number}" for number in range(8)]
    for root in roots:
        root.mkdir()
        await world.registers(root.name, root)
    pending = [world.logging(root / "log", target=root.name) for root in roots]
    for approved in pending:
        await world.wire.publish(approved, as_="approver")
    await world.wire.expect(ExecutionStarted)
    await asyncio.sleep(0.3)
    first.end()
    outcomes = [(await world.completed(approved)).outcome for approved in pending]
    assert outcomes == ["succeeded"] * 8
    assert [(root / "log").read_text() for root in roots] == ["run\n"] * 8
    assert len(claims()) == 8
    ended = [event.json["execution_id"] for event in world.wire.seen(ExecutionCompleted)]
    assert len(set(ended)) == 8
    assert not await world.wire.dead_letters()


@pytest.mark.timeout(900)
async def test_one_that_dies_for_good_at_any_write_is_succeeded_by_another(
    world, spawn, claims, tmp_path, record_property
) -> None:
    """Each execution is taken up by an executor of its own, which dies two steps later than the last."""
    armed = tmp_path / "armed"
    killed, step, outcomes = True, 0, []
    first = spawn()
    await world.registers()
    first.end()
    armed.touch()
    while killed and step < MOST_DEATHS:
        step += 1
        first = spawn(str(DYING), str(2 * step - 1), str(armed), SUTURE_INSTANCE=f"first-{step}")
        path = world.root / f"log-{step}"
        approved = world.logging(path, before="sleep 0.2; ")
        await world.wire.publish(approved, as_="approver")
        killed = await world.dies(first, step)
        second = spawn(**{**OTHER, "SUTURE_INSTANCE": f"second-{step}"})
        outcomes.append((await world.completed(approved)).outcome)
        assert path.read_text() == "run\n", step
        second.end()
        first.end()
    ends = dict(sorted(collections.Counter(outcomes).items()))
    bodies = [path for path in claims() if (path / "body-started").exists()]
    counts = f"{len(claims())} claims, {len(bodies)} bodies, {ends}"
    record_property("counted", f"executor killed for good at {step - (not killed)} points: {counts}")
    assert len(claims()) == len(bodies) == step
    assert set(outcomes) == {"succeeded"}
    assert step > 10
    assert not await world.wire.dead_letters()


async def test_what_runs_where_the_other_cannot_see_waits_until_it_counts_as_lost(
    world, spawn, claims, tmp_path
) -> None:
    first = spawn()
    await world.registers()
    seen = world.root / "log"
    approved = world.logging(seen, before="sleep 1; ")
    await world.wire.publish(approved, as_="approver")
    await world.wire.expect(ExecutionStarted)
    await asyncio.sleep(0.5)
    first.end()
    elsewhere = {"SUTURE_EXECUTOR_STATE_DIR": str(tmp_path / "elsewhere")}
    spawn(**OTHER, **elsewhere, SUTURE_EXECUTOR_LOST_AFTER_SECONDS="6")
    started = time.monotonic()
    done = await world.completed(approved)
    assert done.outcome == "unknown"
    assert time.monotonic() - started > 6
    assert seen.read_text() == "run\n"


async def test_one_that_was_only_slow_finds_its_execution_taken_over(
    world, spawn, claims, store_url, database
) -> None:
    first = spawn()
    await world.registers()
    seen = world.root / "log"
    approved = world.logging(seen, before="sleep 1; ")
    await world.wire.publish(approved, as_="approver")
    await world.wire.expect(ExecutionStarted)
    first.send_signal(signal.SIGSTOP)
    spawn(**OTHER)
    assert (await world.completed(approved)).outcome == "succeeded"
    first.send_signal(signal.SIGCONT)
    await asyncio.sleep(3)
    assert seen.read_text() == "run\n"
    assert len(world.wire.seen(ExecutionCompleted)) == 1
    async with AsyncMongoClient(store_url) as client:
        (stored,) = await client[database]["executions"].find().to_list()
    assert (stored["instance"], stored["state"]) == ("1", "succeeded")
    assert len(claims()) == 1
