"""Agents run scripts on their own hosts: under a lease, once, with a signed result."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from suture_chassis.app import Service
from suture_chassis.custody import seal
from suture_contracts.base import Principal, Reply
from suture_contracts.commands import (
    CheckTarget,
    EndLease,
    RenewLease,
    Resume,
    ShowProgress,
    Stop,
    TakeLease,
)
from suture_contracts.events import ExecutionCompleted, ExecutionStarted, RehearsalCompleted
from suture_contracts.leases import AGENT_RESULT, AgentResult, Bundle
from suture_contracts.script import Limits
from suture_executor.main import Settings, build
from suture_testkit.gateway import api as api

AGENT = Principal(id="agent", role="agent")
HOST = "far"


@pytest_asyncio.fixture
async def executor(trust: Any, world: Any, tmp_path: Path) -> AsyncIterator[Service]:
    """With leases of a second, and a host that its agent runs scripts on itself."""
    given = {**trust.settings_for("executor"), "log_level": "error", "executor_scan_seconds": 0.3}
    quick = {"executor_lease_seconds": 1, "executor_agent_grace_seconds": 0}
    async with build(Settings(**given, **quick, executor_state_dir=tmp_path / "state")) as service:
        assert (await world.register(HOST, kind="host", reach={}, owner="agent")).status == 201
        yield service


@pytest.fixture
def start_agent(api: str, trust: Any, root: Path, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Starts the agent's worker, each time on the same machine."""
    started: list[subprocess.Popen[bytes]] = []
    program = Path(__file__).with_name("agent_worker.py")
    paths = (root, tmp_path / "agent", trust.ring.key_file("agent"), trust.file)

    def start() -> subprocess.Popen[bytes]:
        arguments = [sys.executable, str(program), api, "agent", HOST, *map(str, paths)]
        started.append(subprocess.Popen(arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def kill_runners(state: Path) -> None:
    for lock in (state / "runs").glob("*/lock"):
        if pid := lock.read_text():
            os.kill(int(pid), signal.SIGKILL)


def claims(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "agent" / "claims").glob("*/*") if path.is_dir()]


async def under_way(tmp_path: Path) -> None:
    async with asyncio.timeout(30):
        while not list((tmp_path / "agent" / "claims").glob("*/*/body-started")):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def script(world: Any, body: str | None = None, **fields: Any) -> Any:
    return world.document(body, **{"targets": (HOST,), **fields})


def counting(world: Any, seconds: float) -> Any:
    """A body that leaves one line each time it runs."""
    log = world.root / "runs.log"
    body = f"echo run >> {log}; sleep {seconds}; {world.document().body}"
    return script(world, body, writes=(str(world.config), str(log)))


async def offered(world: Any, document: Any = None, **approval: Any) -> Any:
    """An approved script that waits for the agent."""
    approved = world.approved(document or script(world), approval=approval)
    await world.wire.publish(approved, as_="approver")
    await world.wire.expect(ExecutionStarted, remediation_id=approved.remediation_id)
    return approved


async def take(world: Any, home: str = "home-1", principal: Principal = AGENT) -> Reply:
    return await world.ask(TakeLease, principal, target_id=HOST, home=home)


async def taken(world: Any, home: str = "home-1") -> tuple[Bundle, dict[str, Any]]:
    """The bundle of the next run, and what its lease says."""
    async with asyncio.timeout(10):
        while (raw := (await take(world, home)).body["bundle"]) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    bundle = Bundle.model_validate(raw)
    return bundle, json.loads(base64.b64decode(bundle.lease.payload))["predicate"]


def result_of(world: Any, bundle: Bundle, lease: dict[str, Any], by: str = "agent", **bent: Any) -> Any:
    result = {
        "run_id": lease["run_id"], "target": HOST, "mode": lease["mode"], "outcome": "succeeded",
    }  # fmt: skip
    said = AgentResult(run_id=lease["run_id"], token=lease["token"], result={**result, **bent})
    return seal(
        world.trust.signer(by),
        subject_name="script",
        subject_sha256=bundle.script.sha256,
        predicate_type=AGENT_RESULT,
        predicate=said,
    )


async def end(world: Any, lease: dict[str, Any], result: Any) -> Reply:
    return await world.ask(EndLease, AGENT, run_id=lease["run_id"], token=lease["token"], result=result)


async def test_an_agent_rehearses_runs_and_takes_back_on_its_own_machine(
    world: Any, executor: Service, start_agent: Any
) -> None:
    start_agent()
    await world.wire.publish(world.rehearsal(script(world)), as_="approver")
    rehearsed = await world.wire.expect(RehearsalCompleted, timeout=30)
    assert (rehearsed.outcome, rehearsed.seen) == (
        "passed",
        {HOST: {str(world.config.parent): "absent", str(world.config): "absent"}},
    )
    approved = await offered(world, expected=rehearsed.seen)
    done = await world.completed(approved)
    assert (done.outcome, done.runner) == ("succeeded", "agent")
    assert world.config.read_text() == "host=db.internal\n"
    said = done.runs[0].isolation
    assert "bubblewrap" in said
    assert f"signed with key {world.trust.signer('agent').keyid}" in said[-1]
    assert (await world.ask(CheckTarget, target_id=HOST)).body["reachable"]
    await world.wire.publish(world.rollback(approved), as_="approver")
    back = await world.completed(approved)
    assert (back.mode, back.outcome) == ("rollback", "rolled_back")
    assert not world.config.exists()


async def watched(world: Any, approved: Any, wanted: str) -> list[str]:
    """Steps and lines so far, asked for until the wanted one is among them."""
    said: list[str] = []
    after = ""
    async with asyncio.timeout(30):
        while wanted not in said:
            reply = await world.ask(ShowProgress, remediation_id=approved.remediation_id, after=after)
            said += [entry.get("step") or entry["line"] for entry in reply.body["entries"]]
            after = reply.body["next"]
            await asyncio.sleep(0.1)
    return said


async def test_what_an_agent_runs_is_seen_while_it_runs(
    world: Any, executor: Service, start_agent: Any
) -> None:
    approved = await offered(
        world, script(world, f"echo password=hunter2; echo begun; sleep 5\n{world.document().body}")
    )
    start_agent()
    said = await watched(world, approved, "begun")
    assert said[0] == "check"
    assert said[-3:] == ["apply", "password=[masked]", "begun"]
    assert not world.wire.seen(ExecutionCompleted)
    assert "verify" in await watched(world, approved, "verify")
    assert (await world.completed(approved)).outcome == "succeeded"


async def test_an_agent_that_was_killed_finds_its_run_again_and_nothing_runs_twice(
    world: Any, executor: Service, start_agent: Any, tmp_path: Path
) -> None:
    first = start_agent()
    approved = await offered(world, counting(world, 2))
    await under_way(tmp_path)
    kill(first)
    await asyncio.sleep(1.5)  # its lease lapses
    start_agent()
    done = await world.completed(approved)
    assert done.outcome == "succeeded"
    assert (world.root / "runs.log").read_text() == "run\n"
    assert len(claims(tmp_path)) == 1
    assert len({event.id for event in world.wire.seen(ExecutionCompleted)}) == 1


async def test_a_run_whose_machine_went_down_is_taken_back_and_not_run_again(
    world: Any, executor: Service, start_agent: Any, tmp_path: Path
) -> None:
    first = start_agent()
    approved = await offered(world, counting(world, 60))
    await under_way(tmp_path)
    kill(first)
    kill_runners(tmp_path / "agent")
    start_agent()
    done = await world.completed(approved)
    assert done.outcome == "rolled_back"
    assert not (world.root / "runs.log").exists()
    assert not world.config.exists()


async def test_an_agent_that_does_not_come_back_leaves_the_outcome_unknown_and_the_target_locked(
    world: Any, executor: Service
) -> None:
    approved = await offered(world, script(world, limits=Limits(timeout_seconds=1)))
    bundle, lease = await taken(world)
    done = await world.completed(approved)
    assert done.outcome == "unknown"
    assert "did not come back" in done.runs[0].detail
    late = await end(world, lease, result_of(world, bundle, lease))
    assert (late.status, late.problem.state["state"]) == (409, "lost")
    second = world.approved(script(world))
    await world.wire.publish(second, as_="approver")
    await asyncio.sleep(1)
    assert (await take(world)).body == {"bundle": None}
    assert (await world.ask(Resume, target_id=HOST)).status == 200
    _, next_lease = await taken(world)
    assert next_lease["run_id"] != lease["run_id"]


async def test_an_abort_ends_what_an_agent_runs_and_takes_it_back(
    world: Any, executor: Service, start_agent: Any, tmp_path: Path
) -> None:
    start_agent()
    approved = await offered(world, counting(world, 60))
    await under_way(tmp_path)
    assert (await world.ask(Stop, target_id=HOST, mode="abort")).status == 200
    done = await world.completed(approved)
    assert (done.outcome, done.runs[0].detail) == ("rolled_back", "the script failed: aborted")
    assert done.runs[0].seconds < 30
    assert not (world.root / "runs.log").exists()


async def test_what_no_agent_takes_runs_nothing(world: Any, executor: Service) -> None:
    approved = await offered(world, not_after=datetime.now(UTC) + timedelta(seconds=2))
    done = await world.completed(approved)
    assert done.outcome == "not_applied"
    assert "the agent agent did not take it" in done.runs[0].detail


@pytest.mark.parametrize(
    ("by", "bent"),
    [
        ("agent", {"target": "another"}),
        ("agent", {"mode": "rollback"}),
        ("agent", {"run_id": "another"}),
        ("operator", {}),
        ("gateway", {}),
    ],
)
async def test_a_forged_result_counts_for_nothing(
    world: Any, executor: Service, by: str, bent: dict[str, str]
) -> None:
    approved = await offered(world)
    bundle, lease = await taken(world)
    refused = await end(world, lease, result_of(world, bundle, lease, by, **bent))
    assert (refused.status, refused.problem.field) == (403, "result")
    assert not world.wire.seen(ExecutionCompleted)
    told = await end(world, lease, result_of(world, bundle, lease, outcome="not_applied"))
    assert (told.status, told.body["outcome"]) == (200, "not_applied")
    assert (await world.completed(approved)).outcome == "not_applied"


async def test_the_result_of_another_script_counts_for_nothing(world: Any, executor: Service) -> None:
    await offered(world)
    bundle, lease = await taken(world)
    other = world.approved(script(world, "true"))
    bent = result_of(world, bundle.model_copy(update={"script": other.script}), lease)
    assert (await end(world, lease, bent)).status == 403


async def test_a_lease_that_was_taken_anew_counts_no_more(world: Any, executor: Service) -> None:
    await offered(world)
    bundle, stale = await taken(world)
    again, lease = await taken(world)
    assert (lease["run_id"], lease["token"] != stale["token"]) == (stale["run_id"], True)
    renewed = await world.ask(RenewLease, AGENT, run_id=stale["run_id"], token=stale["token"])
    assert (renewed.status, renewed.problem.state["state"]) == (409, "taken anew")
    assert (await end(world, stale, result_of(world, bundle, stale))).status == 409
    assert (await end(world, lease, result_of(world, again, lease))).status == 200
    assert (await end(world, lease, result_of(world, again, lease))).status == 200  # told again


async def test_a_lease_that_lapsed_is_not_renewed(world: Any, executor: Service) -> None:
    await offered(world)
    _, lease = await taken(world)
    ask = {"run_id": lease["run_id"], "token": lease["token"]}
    for _ in range(3):
        await asyncio.sleep(0.5)
        assert (await world.ask(RenewLease, AGENT, **ask)).body["abort"] is False
    await asyncio.sleep(1.2)
    late = await world.ask(RenewLease, AGENT, **ask)
    assert (late.status, late.problem.state["state"]) == (409, "lapsed")


async def test_what_one_machine_began_is_given_to_no_other(world: Any, executor: Service) -> None:
    await offered(world)
    await taken(world, "home-1")
    assert (await take(world, "home-2")).body == {"bundle": None}
    await asyncio.sleep(1.2)  # the lease lapses; the claim is on that machine all the same
    assert (await take(world, "home-2")).body == {"bundle": None}
    assert (await taken(world, "home-1"))[1]["mode"] == "apply"


async def test_nobody_takes_what_is_for_another_agent(world: Any, executor: Service) -> None:
    await offered(world)
    for stranger in (Principal(id="agent-2", role="agent"), Principal(id="admin", role="admin")):
        assert (await take(world, principal=stranger)).status == 403
    _, lease = await taken(world)
    ask = {"run_id": lease["run_id"], "token": lease["token"]}
    assert (await world.ask(RenewLease, Principal(id="agent-2", role="agent"), **ask)).status == 404
