"""The sandbox on this machine: a runner process a run, which starts each script inside bubblewrap."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from suture_contracts.target import Target, TargetKind

from suture_sandbox.probe import Isolation, probe
from suture_sandbox.protocol import Reached, RunLost, RunPlan, RunResult, SandboxUnavailable
from suture_sandbox.visibility import readable_by_others

_ATTEMPTS = 4
_SOURCE = str(Path(__file__).resolve().parents[1])
_RUNNER = (
    f"import sys; sys.path.insert(0, {_SOURCE!r}); "
    "from suture_sandbox.runner.main import main; sys.exit(main(sys.argv[1]))"
)


class BubblewrapSandbox:
    """Runs on targets of kind ``local``; ``state`` keeps claims, snapshots and results over restarts."""

    name = "bubblewrap"
    kinds: frozenset[TargetKind] = frozenset({"local"})
    script_types = frozenset({"bash", "python"})

    def __init__(self, state: Path) -> None:
        self._state = state.resolve()
        self._home = ""
        self._isolations: tuple[Isolation, ...] = ()
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    async def open(self) -> tuple[str, ...]:
        """Make the state folder, find out what this machine can do; raises ``SandboxUnavailable``."""
        for folder in ("runs", "claims"):
            (self._state / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._state.chmod(0o700)
        self._home = _home(self._state / "claims" / "home")
        self._isolations = await asyncio.to_thread(probe)
        return self._isolations[0].words

    async def close(self) -> None:
        """There is nothing to let go of: runners are processes of their own."""

    async def check(self, target: Target) -> Reached:
        """See ``Sandbox.check``: the root is there, and this machine isolates."""
        root = str(target.reach.get("root", ""))
        found = await asyncio.to_thread(os.path.isdir, root)
        isolation = self._isolations[0].words if self._isolations else ()
        problem = "" if found else f"{root}: no such folder on the executor's machine"
        return Reached(
            reachable=found and bool(isolation),
            detail=problem
            or ("" if isolation else "this machine gives no isolation; see the executor's log"),
            rights=(f"read {root}", "write what a script declares below it"),
            isolation=isolation,
        )

    def identity(self) -> dict[str, Any]:
        return {"sandbox": self.name, "home": self._home}

    async def start(self, plan: RunPlan) -> None:
        """See ``Sandbox.start``. A second runner of a run waits for the first one's lock, then ends."""
        if not self._isolations:
            raise SandboxUnavailable("the sandbox was not opened")
        # The strictest, unless the script's own user could not read what the script is about.
        isolation = self._isolations[0 if await asyncio.to_thread(readable_by_others, plan) else -1]
        if plan.script_type not in isolation.interpreters:
            raise SandboxUnavailable(f"no interpreter for {plan.script_type} scripts on this machine")
        work = self._work(plan.run_id)
        if not (work / "job.json").exists():
            work.mkdir(mode=0o700, exist_ok=True)
            _write(work / "job.json", json.dumps(self._job(plan, work, isolation)))
        if not self._result_path(plan.run_id).exists() and self._runner(plan.run_id) is None:
            self._spawn(plan.run_id)

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

    def _job(self, plan: RunPlan, work: Path, isolation: Isolation) -> dict[str, Any]:
        target = hashlib.sha256(plan.target.encode()).hexdigest()[:16]
        claim = self._state / "claims" / target / plan.claim_id
        results = {"apply": claim / "apply.json", "rollback": claim / "rollback.json"}
        raw = plan.model_dump(mode="json")
        raw["hide"] = [*raw["hide"], str(self._state)]
        return {
            "plan": raw,
            "work": str(work),
            "claim": str(claim),
            "tag": hashlib.sha256(plan.claim_id.encode()).hexdigest()[:12],
            "result": str(results.get(plan.mode, work / "result.json")),
            "bwrap": isolation.bwrap,
            "identity": isolation.identity,
            "isolation": list(isolation.words),
            "interpreters": isolation.interpreters,
            "binds": isolation.binds,
        }

    def _runner(self, run_id: str) -> int | None:
        """The process that has this run in hand: this one's child, or an earlier executor's."""
        child = self._children.get(run_id)
        return child.pid if child else _holder(self._work(run_id) / "lock")

    def _spawn(self, run_id: str) -> int:
        work = self._work(run_id)
        # A session of its own: neither a signal to the executor's group nor its end reaches the runner.
        with (work / "log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _RUNNER, str(work)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env={"LANG": "C.UTF-8"},
            )
        self._children[run_id] = child
        return child.pid


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


def _home(path: Path) -> str:
    """What names this state folder: made once, gone with it."""
    try:
        _write(path, uuid4().hex, exclusive=True)
    except FileExistsError:
        pass
    return path.read_text()


def _write(path: Path, text: str, exclusive: bool = False) -> None:
    if exclusive and path.exists():
        raise FileExistsError(path)
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
