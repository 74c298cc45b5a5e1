"""Where the runner's process begins: one job, one lock, one durable result."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time

from suture_sandbox.runner import orphans, session
from suture_sandbox.runner.apply import apply
from suture_sandbox.runner.durable import read_json, write_json
from suture_sandbox.runner.job import Job
from suture_sandbox.runner.rehearse import check, rehearse
from suture_sandbox.runner.undo import roll_back_success

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

BUSY = 75
"""Exit code: another runner, or a script that a killed one left, still lives."""
_WAIT_SECONDS = 15.0
_MODES = {"check": check, "rehearse": rehearse, "apply": apply, "rollback": roll_back_success}


def main(work: str) -> int:
    """Run the job in the folder ``work``; does nothing where its result is there already."""
    os.umask(0o077)
    lock = os.open(os.path.join(work, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    raw = read_json(os.path.join(work, "job.json"))
    if not (_within_time(lambda: _taken(lock)) and _within_time(lambda: _alone(work, raw))):
        return BUSY
    if read_json(raw["result"]) is not None:
        return 0
    os.truncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    job = Job(raw, orphans.open_alive(work))

    def on_term(*_: object) -> None:
        job.aborted = True

    signal.signal(signal.SIGTERM, on_term)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Asked for before the handler was there; from here on the signal says it.
    job.aborted = job.aborted or os.path.exists(os.path.join(work, "abort"))
    _remove_scratch(work)
    result = (_direct() if job.direct else _MODES)[job.plan["mode"]](job)
    write_json(raw["result"], result)
    _remove_scratch(work)
    return 0


def _direct() -> dict[str, Callable[[Job], dict[str, Any]]]:
    """The modes in no sandbox; those who have one do not pay for reading it."""
    from suture_sandbox.runner import direct

    return {
        "check": direct.check,
        "rehearse": direct.rehearse,
        "apply": direct.apply,
        "rollback": direct.roll_back_success,
    }


def _within_time(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + _WAIT_SECONDS
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _alone(work: str, raw: dict[str, Any]) -> bool:
    """Whether no script and no reload of a runner that was killed lives any more."""
    return session.ended(os.path.join(work, "session")) and orphans.ended(work, raw["bwrap"])


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove_scratch(work: str) -> None:
    for name in ("stage", "copy", "undo-stage"):
        _remove(os.path.join(work, name))


def _remove(folder: str) -> None:
    try:
        os.chmod(folder, 0o700)  # the script may have closed it
        found = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for item in found:
        if item.is_dir(follow_symlinks=False):
            _remove(item.path)
        else:
            os.unlink(item.path)
    os.rmdir(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
