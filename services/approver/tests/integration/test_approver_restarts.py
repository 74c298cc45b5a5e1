"""kill -9 of the approver around any of its writes: each step is taken once, and none is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import pytest
from suture_chassis.declare import declare_topology
from suture_contracts.base import Command, Principal
from suture_contracts.commands import Approve, RequestRollback
from suture_contracts.events import (
    ApprovalRequested,
    RehearsalRequested,
    RollbackRequested,
    ScriptApproved,
    ScriptValidated,
)
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire

MOST_DEATHS = 16
DYING = Path(__file__).with_name("dying_approver.py")
STEPS = (RehearsalRequested, ApprovalRequested, ScriptApproved, RollbackRequested)
SAM = Principal(id="sam", role="supervisor")

Spawn = Callable[..., subprocess.Popen[bytes]]

pytestmark = pytest.mark.chaos


@pytest.fixture
def spawn(trust: Identities) -> Iterator[Spawn]:
    """Starts approvers as processes of their own; arguments are another program's than the approver's."""
    started: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, **trust.environment("approver"), "SUTURE_LOG_LEVEL": "error"}

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, *(arguments or ("-m", "suture_approver"))]
        started.append(subprocess.Popen(command, env=environment))
        return started[-1]

    yield start
    for process in started:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def command(kind: type[Command], **fields: Any) -> Command:
    now = datetime.now(UTC)
    times = {"issued_at": now, "expires_at": now + timedelta(minutes=5)}
    return kind(command_id=str(uuid4()), principal=SAM, **times, **fields)


@contextlib.asynccontextmanager
async def followed(process: subprocess.Popen[bytes], spawn: Spawn) -> AsyncIterator[None]:
    """Once it is dead, another one is started; both are ended after the block."""
    processes = [process]

    async def follow() -> None:
        while process.poll() is None:  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.05)
        processes.append(spawn())

    following = asyncio.create_task(follow())
    try:
        yield
    finally:
        following.cancel()
        for each in processes:
            end(each)


async def goes_through(wire: Wire, neighbours: Any, validated: ScriptValidated) -> None:
    """From the verdict over rehearsal, approval and success to the order to take it back."""
    id, patience = validated.remediation_id, 60
    await wire.publish(validated, as_="validator")
    await wire.expect(RehearsalRequested, patience, id)
    await wire.publish(neighbours.rehearsed(validated), as_="executor")
    asked = await wire.expect(ApprovalRequested, patience, id)
    named = {"revision": asked.script.revision, "digest": asked.script.sha256}
    reply = await wire.request(command(Approve, approval_id=asked.approval_id, **named), timeout=patience)
    assert (reply.status, reply.body["state"]) == (200, "approved")
    approved = await wire.expect(ScriptApproved, patience, id)
    done = neighbours.executed(validated)
    assert done.approval_id == approved.approval_id
    await wire.publish(done, as_="executor")
    order = command(RequestRollback, execution_id=done.execution_id, reason="wrong host")
    # Until the outcome is noted an order is too early, which it says.
    while (reply := await wire.request(order, timeout=patience)).status == 409:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    assert reply.status == 202
    await wire.expect(RollbackRequested, patience, id)


@pytest.mark.timeout(900)
async def test_an_approver_killed_at_any_write_is_followed_by_one_that_ends_it(
    wire: Wire, neighbours: Any, spawn: Spawn, broker_url: str, record_property: Any
) -> None:
    async with await aio_pika.connect_robust(broker_url) as connection:
        await declare_topology(connection)
    # It writes now and then without being asked, too: the count bounds the kills.
    killed, step = True, 0
    while killed and step < MOST_DEATHS:
        step += 1
        first = spawn(str(DYING), str(2 * step - 1))
        validated = neighbours.validated(complexity="high")
        async with followed(first, spawn):
            await goes_through(wire, neighbours, validated)
            await asyncio.sleep(0.3)
            killed = first.poll() is not None
        for kind in STEPS:
            seen = wire.seen(kind, validated.remediation_id)
            assert len({(each.id, each.body) for each in seen}) == 1, (step, kind.TYPE)
    record_property("counted", f"approver killed at {step - (not killed)} points: each step once")
    assert step > 8
    assert await wire.dead_letters() == []
