"""Another machine by a real sshd: the same runs, over connections that come and go."""

from __future__ import annotations

import asyncio
import json
import subprocess
from uuid import uuid4

import pytest
from suture_contracts.script import Limits
from suture_contracts.target import Target
from suture_sandbox.protocol import SandboxUnavailable


async def test_a_script_repairs_a_host_and_is_taken_back(host) -> None:
    body = f"echo host=db > {host.config}"
    result = await host.run(body, name="one")
    assert (result.outcome, result.detail) == ("succeeded", "")
    assert host.config.read_text() == "host=db\n"
    assert "bubblewrap on the host itself" in result.isolation
    assert (await host.run(body, name="one", mode="rollback")).outcome == "rolled_back"
    assert host.config.read_text() == "broken\n"


async def test_a_failing_body_leaves_the_host_as_it_was(host) -> None:
    result = await host.run(f"echo half > {host.config}; exit 3")
    assert (result.outcome, result.exit_code) == ("rolled_back", 3)
    assert host.config.read_text() == "broken\n"


async def test_a_configuration_patch_is_applied_there(host) -> None:
    host.config.write_text("# who\nhost=old\n")
    body = (
        '{"edits": [{"path": "%s", "format": "keyvalue", "set": {"host": "new"}}]}' % host.config  # noqa: UP031
    )
    result = await host.run(body, script_type="config", verify=f"grep -q host=new {host.config}")
    assert (result.outcome, result.detail) == ("succeeded", "")
    assert host.config.read_text() == "# who\nhost=new\n"


async def test_a_run_goes_on_while_the_connection_is_lost(host) -> None:
    plan = host.plan(f"sleep 3; echo host=db > {host.config}")
    await host.sandbox.start(plan)
    waiting = asyncio.create_task(host.sandbox.result(plan.run_id))
    await asyncio.sleep(1)
    await asyncio.to_thread(host.sshd.stop)
    await asyncio.sleep(4)
    assert not waiting.done()
    await asyncio.to_thread(host.sshd.start)
    assert (await waiting).outcome == "succeeded"


async def test_a_body_dies_with_its_deadline_though_nobody_is_connected(host) -> None:
    marker = f"37.{uuid4().int % 100_000}"
    plan = host.plan(f"sleep {marker}", limits=Limits(timeout_seconds=2))
    await host.sandbox.start(plan)
    await asyncio.to_thread(host.sshd.stop)
    await asyncio.sleep(4)
    listed = await asyncio.to_thread(subprocess.run, ["pgrep", "-f", f"^sleep {marker}"], capture_output=True)
    assert listed.stdout == b""
    await asyncio.to_thread(host.sshd.start)
    result = await host.sandbox.result(plan.run_id)
    assert (result.outcome, "deadline exceeded" in result.detail) == ("rolled_back", True)


async def test_a_killed_runner_is_followed_by_one_that_takes_back(host) -> None:
    plan = host.plan(f"echo half > {host.config}; sleep 30")
    await host.sandbox.start(plan)
    await asyncio.sleep(1.5)
    pid = (host.state / "runs" / plan.run_id / "lock").read_text()
    await asyncio.to_thread(subprocess.run, ["kill", "-9", pid], check=True)
    result = await host.sandbox.result(plan.run_id)
    assert result.outcome == "rolled_back"
    assert "killed before its end" in result.detail
    assert host.config.read_text() == "broken\n"


async def test_an_aborted_run_is_taken_back(host) -> None:
    plan = host.plan(f"echo half > {host.config}; sleep 30")
    await host.sandbox.start(plan)
    await asyncio.sleep(1.5)
    await host.sandbox.abort(plan.run_id)
    result = await host.sandbox.result(plan.run_id)
    assert (result.outcome, "aborted" in result.detail) == ("rolled_back", True)


async def test_another_machine_s_key_is_refused(host) -> None:
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE5fYm9ndXNfa2V5X3RoYXRfbm9ib2R5X2hhc19hdF9hbGw0"
    with pytest.raises(SandboxUnavailable):
        await host.sandbox.start(host.plan("true", reach={**host.reach, "host_key": other}))
    assert host.config.read_text() == "broken\n"


async def test_a_check_says_what_is_missing(host) -> None:
    target = Target(id="far", kind="host", owner="me", reach=host.reach, secret_ref="far-key")
    assert (await host.sandbox.check(target)).reachable is True
    gone = target.model_copy(update={"reach": {**host.reach, "root": "/does/not/exist"}})
    assert "no such folder" in (await host.sandbox.check(gone)).detail
    nobody = target.model_copy(update={"reach": {**host.reach, "user": "nobody-here"}})
    assert (await host.sandbox.check(nobody)).reachable is False


async def test_steps_and_masked_lines_are_seen_while_it_runs(host) -> None:
    body = f"echo first; echo password=hunter2; sleep 4; echo host=db > {host.config}"
    plan = host.plan(body)
    await host.sandbox.start(plan)
    said: list[str] = []
    async with asyncio.timeout(20):
        while "password=[masked]" not in said:
            await asyncio.sleep(0.2)
            said = words(await host.sandbox.progress(plan.run_id))
    assert said == ["check", "apply", "first", "password=[masked]"]
    assert host.config.read_text() == "broken\n", "it is seen before it ends"
    assert (await host.sandbox.result(plan.run_id)).outcome == "succeeded"
    assert words(await host.sandbox.progress(plan.run_id))[-1] == "verify"


async def test_of_a_host_that_is_away_nothing_is_known_and_nothing_raised(host) -> None:
    plan = host.plan(f"echo one; echo host=db > {host.config}")
    assert await host.sandbox.progress(plan.run_id) == b""
    await host.sandbox.start(plan)
    assert (await host.sandbox.result(plan.run_id)).outcome == "succeeded"
    await asyncio.to_thread(host.sshd.stop)
    assert await host.sandbox.progress(plan.run_id) == b""
    await asyncio.to_thread(host.sshd.start)
    assert words(await host.sandbox.progress(plan.run_id)) == ["check", "apply", "one", "verify"]


def words(entries: bytes) -> list[str]:
    found = [json.loads(line) for line in entries.splitlines()]
    return [entry.get("step") or entry["line"] for entry in found]
