"""A runner that was started ahead takes the next run, and is nobody's burden when there is none."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import psutil

HOLDER = """
import os, signal
from suture_sandbox.spare import SpareRunner
spare = SpareRunner("suture_sandbox.runner.main", {paths!r})
spare.prepare()
print(spare._waiting.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_the_runner_that_waited_takes_the_next_run(target) -> None:
    assert (await target.run(target.fix(), name="one")).outcome == "succeeded"
    waiting = target.sandbox._spare._waiting.pid
    target.config.unlink()
    plan = target.plan(target.fix(), name="two")
    await target.sandbox.start(plan)
    assert target.sandbox._children[plan.run_id].pid == waiting
    assert (await target.sandbox.result(plan.run_id)).outcome == "succeeded"


async def test_a_waiting_runner_that_was_killed_is_replaced(target) -> None:
    assert (await target.run(target.fix(), name="one")).outcome == "succeeded"
    target.sandbox._spare._waiting.send_signal(signal.SIGKILL)
    target.config.unlink()
    assert (await target.run(target.fix(), name="two")).outcome == "succeeded"


async def test_a_waiting_runner_ends_when_its_executor_is_killed() -> None:
    code = HOLDER.format(paths=[path for path in sys.path if path])
    held = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], capture_output=True)
    assert held.returncode == -signal.SIGKILL, held.stderr
    async with asyncio.timeout(10):
        while psutil.pid_exists(int(held.stdout)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
