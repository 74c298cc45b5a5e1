"""kill -9 of the executor while a body runs: the run goes on, is adopted, and happens once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiormq.exceptions import PublishError
from suture_contracts.events import ExecutionCompleted, ExecutionStarted

pytestmark = pytest.mark.chaos


@pytest.fixture
def spawn(trust, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts executors as processes of their own, on one state folder."""
    started: list[subprocess.Popen[bytes]] = []
    environment = {
        **os.environ,
        **trust.environment("executor"),
        "SUTURE_EXECUTOR_STATE_DIR": str(tmp_path / "state"),
        "SUTURE_EXECUTOR_SCAN_SECONDS": "0.3",
        "SUTURE_LOG_LEVEL": "error",
    }

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-m", "suture_executor"], env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def claims(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "state" / "claims").glob("*/*") if path.is_dir()]


async def appears(path: Path) -> None:
    async with asyncio.timeout(20):
        while not path.exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.02)


async def registers(world, id: str = "app", root: Path | None = None) -> None:
    """Register a target as soon as the executor's queues are there."""
    async with asyncio.timeout(30):
        while True:
            try:
                assert (await world.register(id, root)).status == 201
                return
            except PublishError:
                await asyncio.sleep(0.1)


async def test_a_killed_executor_adopts_what_runs_and_nothing_runs_twice(world, spawn, tmp_path) -> None:
    first = spawn()
    await registers(world)
    seen = world.root / "data.log"
    body = f"echo run >> {seen}; sleep 2; mkdir -p {world.config.parent}; echo host=1 > {world.config}"
    approved = world.approved(world.document(body, writes=(str(world.config), str(seen))))
    await world.wire.publish(approved, as_="approver")
    await world.wire.expect(ExecutionStarted)
    await asyncio.sleep(0.7)
    kill(first)
    spawn()
    done = await world.completed(approved)
    assert done.outcome == "succeeded"
    assert seen.read_text() == "run\n"
    assert len(claims(tmp_path)) == 1
    assert len(world.wire.seen(ExecutionCompleted)) == 1


async def test_a_run_that_ended_while_no_executor_was_there_is_recorded(world, spawn, tmp_path) -> None:
    first = spawn()
    await registers(world)
    approved = world.approved(world.document(f"sleep 1; {world.document().body}"))
    await world.wire.publish(approved, as_="approver")
    await world.wire.expect(ExecutionStarted)
    await asyncio.sleep(0.5)
    kill(first)
    await appears(world.config)
    await asyncio.sleep(0.5)
    spawn()
    assert (await world.completed(approved)).outcome == "succeeded"
    assert len(claims(tmp_path)) == 1


async def test_a_run_whose_claims_are_gone_is_unknown_and_never_run_again(world, spawn, tmp_path) -> None:
    first = spawn()
    await registers(world)
    approved = world.approved(world.document("sleep 60"))
    await world.wire.publish(approved, as_="approver")
    await world.wire.expect(ExecutionStarted)
    await asyncio.sleep(0.5)
    kill(first)
    runner = next((tmp_path / "state" / "runs").glob("*/lock"))
    os.kill(int(runner.read_text()), signal.SIGKILL)
    (tmp_path / "state").rename(tmp_path / "lost")
    spawn()
    done = await world.completed(approved)
    assert done.outcome == "unknown"
    assert not claims(tmp_path)


async def test_killed_again_and_again_everything_ends_once(world, spawn, tmp_path) -> None:
    process = spawn()
    roots = [tmp_path / f"app-{number}" for number in range(6)]
    for root in roots:
        root.mkdir()
        await registers(world, root.name, root)
    pending = []
    for root in roots:
        path = root / "log"
        document = world.document(
            f"sleep 0.5; echo run >> {path}",
            writes=(str(path),),
            verify=f"test -s {path}",
            targets=(root.name,),
        )
        pending.append(world.approved(document))
    for number, approved in enumerate(pending):
        await world.wire.publish(approved, as_="approver")
        if number % 2:
            await asyncio.sleep(0.4)
            kill(process)
            process = spawn()
    outcomes = [(await world.completed(approved)).outcome for approved in pending]
    assert outcomes == ["succeeded"] * 6
    assert [(root / "log").read_text() for root in roots] == ["run\n"] * 6
    assert len(claims(tmp_path)) == 6
    assert not await world.wire.dead_letters()
