"""One script in the container, bounded: the pod is its sandbox, the kernel's limits are set here."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time

from suture_sandbox.runner.ended import Ended
from suture_sandbox.runner.output import Tail
from suture_sandbox.runner.progress import Lines

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
        _limited([*interpreter, path], limits),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd="/tmp",  # noqa: S108  (the pod's own)
        start_new_session=True,
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
    echo = Echo(limits["output_bytes"], secrets)
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


class Echo:
    """Whole lines, masked, and no more of them than a result would keep."""

    def __init__(self, most: int, secrets: list[str], fd: int = 1) -> None:
        self._left = most
        self._lines = Lines(secrets)
        self._fd = fd

    def put(self, data: bytes) -> None:
        if self._left > 0:
            self._print(self._lines.put(data))

    def end(self) -> None:
        self._print(self._lines.end())

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            written = line.encode() + b"\n"
            self._left -= len(written)
            if self._left < 0:
                return
            os.write(self._fd, written)


def _limited(command: list[str], limits: dict[str, Any]) -> list[str]:
    """The command under the kernel's limits; bash sets them, as a small Python has no module for it."""
    # The pod's user is the run's own, so that nobody else's processes are counted.
    processes = limits["processes"] + 8
    options = (
        f"-v {limits['memory_mb'] << 10} -t {limits['cpu_seconds']} -f {limits['file_size_mb'] << 10}"
        f" -n 1024 -c 0 -u {processes}"
    )
    return ["bash", "--noprofile", "--norc", "-c", f'ulimit {options} && exec "$@"', "suture", *command]


def _signal(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else ""
