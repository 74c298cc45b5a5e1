"""A pod's log as the progress of its run."""

from __future__ import annotations

import json
import re
from datetime import datetime

from suture_sandbox.protocol import MOST_PROGRESS
from suture_sandbox.runner.cluster.main import RESULT
from suture_sandbox.runner.progress import step_of

_STARTED = re.compile(r"suture: (body|verify|rollback): started")


def as_progress(log: str) -> bytes:
    """JSON lines of a log whose lines begin with their time, as ``Sandbox.progress`` gives them."""
    entries: list[bytes] = []
    size = 0
    ran = False
    for line in log.splitlines():
        time, _, text = line.partition(" ")
        started = _STARTED.fullmatch(text)
        if text.startswith((RESULT, "suture: ")) and started is None:
            continue
        what = {"step": step_of(started[1], ran)} if started else {"line": text}
        ran = ran or (started is not None and started[1] != "verify")
        entries.append(json.dumps({"at": _seconds(time), **what}).encode() + b"\n")
        size += len(entries[-1])
        if size > MOST_PROGRESS:
            break
    return b"".join(entries)


def _seconds(time: str) -> float:
    # Nanoseconds, which no clock here needs.
    try:
        return round(datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", time)).timestamp(), 3)
    except ValueError:
        return 0.0
