"""Where the runner for databases begins: one job, one lock, one durable result."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sys

from suture_sandbox.runner.database.apply import apply, check, rehearse, roll_back
from suture_sandbox.runner.database.job import Aborted, Job, Lost
from suture_sandbox.runner.durable import read_json, write_json

_MODES = {"check": check, "rehearse": rehearse, "apply": apply, "rollback": roll_back}
_NO_RESULT = 70


def main(work: str) -> int:
    """Run the job in the folder ``work``; without a result another runner goes on from the claim."""
    os.umask(0o077)
    lock = os.open(os.path.join(work, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    raw = read_json(os.path.join(work, "job.json"))
    if read_json(raw["result"]) is not None:
        return 0
    os.truncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    secret = read_json(raw["secret"]) if raw["secret"] else ""
    if raw["plan"]["mode"] == "rehearse" and raw["database"]["engine"] == "sqlite":
        raw["database"]["path"] = _copied(raw["database"]["path"], work)
    job = Job(raw, secret)

    def on_term(*_: object) -> None:
        job.aborted = True
        if job.interruptible:
            job.interruptible = False
            raise Aborted("aborted")

    signal.signal(signal.SIGTERM, on_term)
    job.aborted = os.path.exists(os.path.join(work, "abort"))
    job.progress.step(raw["plan"]["mode"])
    try:
        result = _MODES[raw["plan"]["mode"]](job)
    except Lost as lost:
        print(f"ended without a result: {lost}", file=sys.stderr)  # noqa: T201
        return _NO_RESULT
    os.makedirs(os.path.dirname(raw["result"]), mode=0o700, exist_ok=True)
    write_json(raw["result"], result)
    return 0


def _copied(path: str, work: str) -> str:
    """A consistent copy, though others may write meanwhile."""
    import sqlite3

    copy = os.path.join(work, "copy.sqlite")
    if os.path.exists(copy):
        os.unlink(copy)
    if not os.path.isfile(path):
        shutil.copyfile(path, copy)  # says what is wrong with it
    source = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    target = sqlite3.connect(copy)
    with target:
        source.backup(target)
    target.close()
    source.close()
    return copy
