"""Scripts that a killed runner left: bubblewrap's promise to end with its parent has a gap at its start."""

from __future__ import annotations

import errno
import os
import signal


def open_alive(work: str) -> int:
    """The reading end of the run's pipe, which bubblewrap holds as long as its sandbox lives."""
    return os.open(_pipe(work), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def ended(work: str, bwrap: str) -> bool:
    """Whether nothing of an earlier attempt lives any more; what does is killed."""
    try:
        os.mkfifo(_pipe(work), 0o600)
    except FileExistsError:
        pass
    try:
        os.close(os.open(_pipe(work), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError as error:
        if error.errno == errno.ENXIO:
            return True
        raise
    for pid in _sandboxes(work, bwrap):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return False


def _sandboxes(work: str, bwrap: str) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                arguments = file.read().split(b"\0")
        except OSError:
            continue  # gone meanwhile
        mine = os.fsencode(f"{work}/")
        if arguments[0] == os.fsencode(bwrap) and any(argument.startswith(mine) for argument in arguments):
            found.append(int(name))
    return found


def _pipe(work: str) -> str:
    return os.path.join(work, "alive")
