"""A command on the machine itself, in no sandbox: bounded in time, and ended with its whole session.

What the command starts as a service, which makes a session of its own, stays: that is what it is for.
"""

from __future__ import annotations

import os
import select
import signal
import time

from suture_sandbox.runner.ended import Ended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from suture_sandbox.runner.output import Tail

_TICK_MS = 100
_GRACE_SECONDS = 10.0
_SESSION, _STARTED = 3, 19
"""Fields of /proc/PID/stat after the name."""


def run(
    command: list[str],
    environment: dict[str, str],
    tail: Tail,
    timeout: float,
    why_stop: Callable[[], str],
    record: str,
) -> Ended:
    """Run to the command's own end; ``why_stop`` is asked ten times a second.

    ``record`` is the file that names the session, for a runner that comes after this one was killed.
    """
    started = time.monotonic()
    output, output_end = os.pipe()
    pid = _start(command, environment, output_end, record)
    os.close(output_end)
    os.set_blocking(output, False)
    try:
        reason, status = _follow(pid, output, tail, started + timeout, why_stop)
        if status is None:
            os.kill(pid, signal.SIGKILL)  # it may not have come to its record yet
        until = time.monotonic() + _GRACE_SECONDS
        while not ended(record) and time.monotonic() < until:
            time.sleep(0.02)
        if status is None:
            status = os.waitpid(pid, 0)[1]
        _read(output, tail)
    finally:
        os.close(output)
    if os.path.exists(record):
        os.unlink(record)
    code = os.waitstatus_to_exitcode(status)
    if code < 0 and not reason:
        reason = f"killed by {signal.Signals(-code).name}"
    return Ended(None if reason else code, reason, time.monotonic() - started)


def ended(record: str) -> bool:
    """Whether nothing of the recorded session lives any more; what does is killed."""
    left = _members(record)
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return not left


def _start(command: list[str], environment: dict[str, str], output: int, record: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:  # in the child: nothing but calls that cannot return to the parent's code
        os.setsid()
        _keep(record)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir("/")
        os.umask(0o022)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(command[0], command, environment)  # noqa: S606
    finally:
        os._exit(127)


def _keep(record: str) -> None:
    fields = _stat(os.getpid())
    fd = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.write(fd, f"{os.getpid()} {fields[_STARTED]} {_boot()}".encode())
    os.close(fd)


def _follow(
    pid: int, output: int, tail: Tail, deadline: float, why_stop: Callable[[], str]
) -> tuple[str, int | None]:
    """Why it must be killed, or how it ended by itself."""
    process = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.register(output, select.POLLIN)
    try:
        while True:
            left = deadline - time.monotonic()
            reason = "deadline exceeded" if left <= 0 else why_stop()
            if reason:
                return reason, None
            for fd, _ in poll.poll(min(_TICK_MS, left * 1000 + 1)):
                if fd == process:
                    # Its own end counts: a service that it started may hold the pipe for ever.
                    return "", os.waitpid(pid, 0)[1]
                if not _read(output, tail):
                    poll.unregister(output)
    finally:
        os.close(process)


def _read(output: int, tail: Tail) -> bool:
    """Whether there may be more to come."""
    try:
        data = os.read(output, 1 << 16)
    except BlockingIOError:
        return True
    tail.put(data)
    return bool(data)


def _members(record: str) -> list[int]:
    try:
        with open(record, encoding="utf-8") as file:
            session, started, boot = file.read().split()
    except (FileNotFoundError, ValueError):
        return []
    leader = _stat(int(session))
    if boot != _boot() or (leader and leader[_STARTED] != started):
        return []  # that number is somebody else's now
    found = []
    for name in os.listdir("/proc"):
        fields = _stat(int(name)) if name.isdigit() else []
        if fields and fields[_SESSION] == session and fields[0] not in ("Z", "X"):
            found.append(int(name))
    return found


def _stat(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []  # gone


def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
        return file.read().strip()
