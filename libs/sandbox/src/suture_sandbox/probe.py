"""What this machine's bubblewrap can do, tried and not guessed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suture_sandbox.protocol import SandboxUnavailable
from suture_sandbox.runner import together
from suture_sandbox.runner.bounds import PATH, Cage, command

_COMMON = (
    "bubblewrap",
    "read-only or hidden: all but a scratch copy of the declared writes",
    "namespaces: mount, pid, ipc, uts",
    "capabilities: none, no new privileges",
    "limits: memory, cpu, file size, open files, time, output, scratch space",
)
_IDENTITIES = {
    "uid": "user: one of its own for each run",
    "userns": "user: mapped to nobody in a user namespace",
}


@dataclass(frozen=True, slots=True)
class Isolation:
    """How scripts are started here; ``binds`` are shown read-only besides the system."""

    bwrap: str
    identity: str
    words: tuple[str, ...]
    interpreters: dict[str, list[str]]
    binds: list[str] = field(default_factory=list)


def probe() -> tuple[Isolation, ...]:
    """What works here, strictest first: a command is started with all bounds in force.

    Raises ``SandboxUnavailable`` with what bubblewrap said where nothing does.
    """
    bwrap = shutil.which("bwrap", path=PATH)
    if bwrap is None:
        raise SandboxUnavailable("bubblewrap is not installed; install the package bubblewrap")
    interpreters, binds = _interpreters()
    reasons, working = [], []
    for identity in ("uid", "userns") if os.geteuid() == 0 else ("userns",):
        problem = _try(bwrap, identity, binds)
        if problem:
            reasons.append(f"{identity}: {problem}")
        else:
            working.append(Isolation(bwrap, identity, _words(identity), interpreters, binds))
    if working:
        return tuple(working)
    raise SandboxUnavailable(f"bubblewrap cannot isolate a run here ({'; '.join(reasons)})")


def _words(identity: str) -> tuple[str, ...]:
    # The kernel counts no processes of root, not even of a root that is mapped to nobody: the runner does.
    counted = identity == "uid" or os.geteuid() != 0 or together.available()
    return (*_COMMON, _IDENTITIES[identity], *(["limits: processes"] if counted else []))


def _interpreters() -> tuple[dict[str, list[str]], list[str]]:
    bash = shutil.which("bash", path=PATH)
    if bash is None:
        raise SandboxUnavailable("bash is not installed; install the package bash")
    found = {"bash": [bash, "--noprofile", "--norc"]}
    options = ["-I", "-B"]
    for python in ("/usr/bin/python3", "/usr/local/bin/python3"):
        if Path(python).exists():
            return {**found, "python": [python, *options]}, []
    base = Path(sys.base_prefix).resolve()
    return {**found, "python": [str(base / "bin" / "python3"), *options]}, [str(base)]


def _try(bwrap: str, identity: str, binds: list[str]) -> str:
    limits = {"timeout_seconds": 10, "processes": 16, "file_size_mb": 1, "memory_mb": 64, "cpu_seconds": 5}
    plan: dict[str, Any] = {
        "run_id": "probe", "execution_id": "probe", "target": "probe", "mode": "check", "limits": limits,
        "root": "/usr", "reads": [], "hide": [], "script_type": "probe",
    }  # fmt: skip
    job = {
        "plan": plan, "bwrap": bwrap, "identity": identity, "binds": binds,
        "interpreters": {"probe": ["/usr/bin/test", "-f"]},
    }  # fmt: skip
    status = os.open("/dev/null", os.O_WRONLY)
    open_files = [status]
    try:
        arguments, files = command(Cage(job, "/etc/passwd", -1, network=False), [], status)
        open_files += files
        done = subprocess.run(
            arguments, capture_output=True, timeout=20, pass_fds=open_files, env={}, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        for fd in open_files:
            os.close(fd)
    return (
        ""
        if done.returncode == 0
        else (done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}")[:300]
    )
