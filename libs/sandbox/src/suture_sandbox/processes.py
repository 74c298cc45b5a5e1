"""Runs as processes of this machine: each has a runner of its own, which outlives whoever started it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from suture_sandbox.kept import home, write_whole
from suture_sandbox.protocol import MOST_PROGRESS, RunLost, RunPlan, RunResult
from suture_sandbox.runner import progress
from suture_sandbox.spare import SpareRunner

_ATTEMPTS = 4
_SOURCE = str(Path(__file__).resolve().parents[1])


class RunnerProcesses:
    """``state`` keeps claims, snapshots and results over restarts; ``runner`` is the runner's module.

    ``paths`` are further places that the runner may import from: it sees the standard library alone.
    """

    def __init__(self, state: Path, runner: str, paths: tuple[str, ...] = ()) -> None:
        self._state = state.resolve()
        self._home = ""
        self._spare = SpareRunner(runner, [_SOURCE, *paths])
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def make_folders(self) -> None:
        for folder in ("runs", "claims"):
            (self._state / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._state.chmod(0o700)
        self._home = home(self._state / "claims" / "home")

    async def close(self) -> None:
        """Runners at work are processes of their own, and go on."""
        self._spare.close()

    def begin(self, run_id: str, job: dict[str, Any]) -> None:
        """Write the job where there is none yet; start its runner where it has neither one nor a result."""
        work = self._work(run_id)
        if not (work / "job.json").exists():
            work.mkdir(mode=0o700, exist_ok=True)
            write_whole(work / "job.json", json.dumps(job))
        if not self._result_path(run_id).exists() and self._runner(run_id) is None:
            self._spawn(run_id)

    async def result(self, run_id: str) -> RunResult:
        """See ``Sandbox.result``. A runner that died is followed by one that takes its run back."""
        path = self._result_path(run_id)
        attempts = 0
        while not path.exists():
            pid = self._runner(run_id)
            if pid is None:
                attempts += 1
                if attempts > _ATTEMPTS:
                    log = self._work(run_id) / "log"
                    raise RunLost(f"run {run_id}: {attempts} runners ended without a result; see {log}")
                pid = self._spawn(run_id)
            await _exited(pid)
            if run_id in self._children:
                self._children.pop(run_id).wait()
            self._spare.prepare()
        return RunResult.model_validate_json(path.read_bytes())

    async def abort(self, run_id: str) -> None:
        """A mark for a runner that has not begun, SIGTERM for the one that holds the run's lock."""
        if self._result_path(run_id).exists():
            return
        (self._work(run_id) / "abort").touch(mode=0o600)
        pid = _holder(self._work(run_id) / "lock")
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    async def progress(self, run_id: str) -> bytes:
        """See ``Sandbox.progress``."""
        return await asyncio.to_thread(_begun, self._work(run_id) / progress.FILE)

    async def forget(self, run_id: str) -> None:
        self._children.pop(run_id, None)
        await asyncio.to_thread(shutil.rmtree, self._work(run_id), True)

    def _work(self, run_id: str) -> Path:
        return self._state / "runs" / run_id

    def _result_path(self, run_id: str) -> Path:
        try:
            return Path(json.loads((self._work(run_id) / "job.json").read_bytes())["result"])
        except FileNotFoundError:
            raise RunLost(f"run {run_id} was never started here, or its folder was removed") from None

    def _places(self, plan: RunPlan) -> dict[str, Any]:
        """Where a job works, claims and leaves its result."""
        target = hashlib.sha256(plan.target.encode()).hexdigest()[:16]
        claim = self._state / "claims" / target / plan.claim_id
        work = self._work(plan.run_id)
        results = {"apply": claim / "apply.json", "rollback": claim / "rollback.json"}
        return {
            "work": str(work),
            "claim": str(claim),
            "result": str(results.get(plan.mode, work / "result.json")),
        }

    def _runner(self, run_id: str) -> int | None:
        """The process that has this run in hand: this one's child, or an earlier executor's."""
        child = self._children.get(run_id)
        return child.pid if child else _holder(self._work(run_id) / "lock")

    def _spawn(self, run_id: str) -> int:
        child = self._spare.take(self._work(run_id))
        self._children[run_id] = child
        return child.pid


def _begun(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_PROGRESS)
    except OSError:
        return b""  # it has said nothing yet, or was forgotten


async def _exited(pid: int) -> None:
    """Wait for a process' end without a thread and without polling."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        loop.add_reader(fd, _settle, ended)
        await ended
    finally:
        loop.remove_reader(fd)
        os.close(fd)


def _settle(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


def _holder(lock: Path) -> int | None:
    """The process that holds the runner's lock, read from the kernel's table of locks."""
    try:
        inode = lock.stat().st_ino
        pid = int(lock.read_text() or 0)
    except (OSError, ValueError):
        return None
    table = Path("/proc/locks").read_text().splitlines()
    held = any(f":{inode} " in line and "FLOCK" in line and f" {pid} " in line for line in table)
    return pid if held else None
