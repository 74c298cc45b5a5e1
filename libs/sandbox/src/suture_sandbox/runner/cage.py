"""One script inside bubblewrap: what it sees, what it may use up, and its certain end."""

from __future__ import annotations

import os
import resource
import select
import signal
import time

from suture_sandbox.runner import bounds
from suture_sandbox.runner.ended import Ended
from suture_sandbox.runner.output import Tail
from suture_sandbox.runner.together import Together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from suture_sandbox.runner.bounds import Cage

_TICK_MS = 100
_GRACE_SECONDS = 10.0


class SandboxBroken(Exception):
    """Bubblewrap could not start the script, or its processes do not end."""


def run(cage: Cage, arguments: list[str], tail: Tail, why_stop: Callable[[], str]) -> Ended:
    """Run to the end, until every process of it is gone; ``why_stop`` is asked ten times a second."""
    started = time.monotonic()
    output, output_end = os.pipe()
    status, status_end = os.pipe()
    pid = _start(cage, arguments, output_end, status_end)
    os.close(output_end)
    os.close(status_end)
    watch = _Watch(pid, output, status, tail, Together(cage.memory_bytes, cage.processes))
    try:
        reason = watch.until_end(started + cage.timeout, why_stop)
        code = watch.exit_code()
    finally:
        watch.kill()
        watch.close()
    if code is None and not reason:
        raise SandboxBroken(tail.text([])[-300:] or "bubblewrap ended without starting the script")
    return Ended(None if reason else code, reason, time.monotonic() - started)


def _start(cage: Cage, arguments: list[str], output: int, status: int) -> int:
    command, files = bounds.command(cage, arguments, status)
    pid = os.fork()
    if pid:
        for fd in files:
            os.close(fd)
        return pid
    try:  # in the child: nothing but calls that cannot return to the parent's code
        os.setpgid(0, 0)
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for fd in (status, cage.alive_fd, *files):
            os.set_inheritable(fd, True)
        for what, limit in cage.limits:
            resource.setrlimit(what, (limit, limit))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.execve(command[0], command, {})  # noqa: S606
    finally:
        os._exit(127)


class _Watch:
    """Follows one bubblewrap by its output, its status and its descriptor in the process table."""

    def __init__(self, pid: int, output: int, status: int, tail: Tail, together: Together) -> None:
        self._pid = pid
        self._first = -1
        self._together = together
        self._output = output
        self._status = status
        self._tail = tail
        self._said = b""
        self._inner = -1
        self._ended = os.pidfd_open(pid)
        self._reaped = False

    def until_end(self, deadline: float, why_stop: Callable[[], str]) -> str:
        """Why it was killed, or nothing where it ended by itself."""
        poll = select.poll()
        poll.register(self._output, select.POLLIN)
        poll.register(self._status, select.POLLIN)
        poll.register(self._ended, select.POLLIN)
        reason = ""
        while not self._reaped:
            left = deadline - time.monotonic()
            reason = "deadline exceeded" if left <= 0 else why_stop() or self._excess()
            if reason:
                self.kill()
                break
            for fd, _ in poll.poll(min(_TICK_MS, left * 1000 + 1)):
                if fd == self._ended:
                    self._reap()
                elif not self._read(fd):
                    poll.unregister(fd)
        self._drain()
        return reason

    def _excess(self) -> str:
        return self._together.excess(self._first) if self._first > 0 else ""

    def _read(self, fd: int) -> bool:
        data = os.read(fd, 1 << 16)
        if fd == self._output:
            self._tail.put(data)
        else:
            self._said += data
            self._open_inner()
        return bool(data)

    def _open_inner(self) -> None:
        if self._inner < 0 and (pid := bounds.said(self._said, "child-pid")) is not None:
            self._first = pid
            try:
                self._inner = os.pidfd_open(pid)
            except OSError:
                pass  # gone already

    def _reap(self, block: bool = False) -> None:
        if not self._reaped:
            self._reaped = os.waitpid(self._pid, 0 if block else os.WNOHANG)[0] == self._pid

    def _drain(self) -> None:
        # Bubblewrap has ended: what it and the script still had to say is buffered.
        self._empty(self._status)
        self._await_inner()
        self._empty(self._output)

    def _empty(self, fd: int) -> None:
        os.set_blocking(fd, False)
        try:
            while self._read(fd):
                pass
        except BlockingIOError:
            pass

    def _await_inner(self) -> None:
        if self._inner < 0:
            return
        poll = select.poll()
        poll.register(self._inner, select.POLLIN)
        until = time.monotonic() + _GRACE_SECONDS
        while not poll.poll(_TICK_MS):
            if time.monotonic() > until:
                raise SandboxBroken("the script's processes do not end")

    def exit_code(self) -> int | None:
        return bounds.said(self._said, "exit-code")

    def kill(self) -> None:
        """End the whole namespace by its first process, then bubblewrap, and wait for both."""
        self._empty(self._status)
        if self._inner >= 0:
            try:
                signal.pidfd_send_signal(self._inner, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not self._reaped:
            os.kill(self._pid, signal.SIGKILL)
            self._reap(block=True)
        self._await_inner()

    def close(self) -> None:
        for fd in (self._output, self._status, self._ended, self._inner):
            if fd >= 0:
                os.close(fd)
