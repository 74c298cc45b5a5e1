"""One script in the container, bounded: the pod is its sandbox, the kernel's limits are set here."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import time

from suture_sandbox.runner.cage import Ended
from suture_sandbox.runner.output import Tail, masked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

INTERPRETERS = {"bash": ["bash", "--noprofile", "--norc"], "python": ["python3", "-I", "-B"]}
_TICK_MS = 100


def run(
    interpreter: list[str],
    path: str,
    environment: dict[str, str],
    limits: dict[str, Any],
    tail: Tail,
    secrets: list[str],
    why_stop: Callable[[], str],
) -> Ended:
    """Run the script at ``path`` to its end; what it leaves behind is killed before this returns."""
    started = time.monotonic()
    child = subprocess.Popen(
        [*interpreter, path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd="/tmp",  # noqa: S108  (the pod's own)
        start_new_session=True,
        preexec_fn=lambda: _limit(limits),
    )
    if child.stdout is None:
        raise OSError("no pipe to the script")
    try:
        reason = _follow(child, tail, secrets, limits, started, why_stop)
    finally:
        kill_all(child)
    code = child.wait()
    return Ended(None if reason or code < 0 else code, reason or _signal(code), time.monotonic() - started)


def kill_all(child: subprocess.Popen[bytes] | None = None) -> None:
    """End the script's whole session and, as the container's first process, everything else in it."""
    if child is not None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    if os.getpid() == 1:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        _reap(child)


def _reap(child: subprocess.Popen[bytes] | None) -> None:
    if child is not None:
        child.wait()
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _follow(
    child: subprocess.Popen[bytes],
    tail: Tail,
    secrets: list[str],
    limits: dict[str, Any],
    started: float,
    why_stop: Callable[[], str],
) -> str:
    """Why it was killed, or nothing where it ended by itself; what it prints goes to the pod's log, too."""
    assert child.stdout is not None  # noqa: S101
    fd = child.stdout.fileno()
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    echo = _Echo(limits["output_bytes"], secrets)
    open_pipe = True
    while True:
        if time.monotonic() - started > limits["timeout_seconds"]:
            return "deadline exceeded"
        if reason := why_stop():
            return reason
        if open_pipe and poll.poll(_TICK_MS):
            data = os.read(fd, 1 << 16)
            open_pipe = bool(data)
            tail.put(data)
            echo.put(data)
        elif child.poll() is not None:
            # Its own end counts: what it started and left may hold the pipe for ever.
            echo.end()
            return ""
        elif not open_pipe:
            time.sleep(_TICK_MS / 1000)


class _Echo:
    """Whole lines, masked, and no more of them than a result would keep."""

    def __init__(self, most: int, secrets: list[str]) -> None:
        self._left = most
        self._secrets = secrets
        self._rest = b""

    def put(self, data: bytes) -> None:
        if self._left > 0:
            whole, newline, self._rest = (self._rest + data)[-(1 << 17) :].rpartition(b"\n")
            self._print(whole + newline)

    def end(self) -> None:
        self._print(self._rest)

    def _print(self, data: bytes) -> None:
        if data and self._left > 0:
            text = masked(data[: self._left].decode("utf-8", "replace"), self._secrets)
            self._left -= len(data)
            os.write(1, text.encode())


def _limit(limits: dict[str, Any]) -> None:
    for what, limit in (
        (resource.RLIMIT_AS, limits["memory_mb"] << 20),
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, limits["file_size_mb"] << 20),
        (resource.RLIMIT_NOFILE, 1_024),
        (resource.RLIMIT_CORE, 0),
        # The pod's user is the run's own, so that nobody else's processes are counted.
        (resource.RLIMIT_NPROC, limits["processes"] + 8),
    ):
        hard = resource.getrlimit(what)[1]
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (most, most))


def _signal(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else ""
