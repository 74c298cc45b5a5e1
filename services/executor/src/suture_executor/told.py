"""What agents say of their runs while they run, where somebody watches; in memory alone, and bounded."""

from __future__ import annotations

import json
import math
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from suture_sandbox.protocol import MOST_PROGRESS
from suture_sandbox.runner.output import masked

_MOST_RUNS = 64
_WATCHED_SECONDS = 15.0
_LONGEST = {"step": 40, "line": 10_000}


@dataclass(slots=True)
class _Told:
    asked: float = -math.inf
    taken: int = 0
    """How far the agent's own record was taken, in bytes."""
    said: bytearray = field(default_factory=bytearray)


class Told:
    """By run, the latest alone. An agent is believed nothing but steps and lines of output."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, _Told] = OrderedDict()

    def watch(self, run_id: str) -> bytes:
        """What the run said so far; from now on its agent is asked to say it, for a while."""
        told = self._runs.setdefault(run_id, _Told())
        told.asked = time.monotonic()
        self._runs.move_to_end(run_id)
        if len(self._runs) > _MOST_RUNS:
            self._runs.popitem(last=False)
        return bytes(told.said)

    def watched(self, run_id: str) -> bool:
        """Whether somebody asked lately."""
        told = self._runs.get(run_id)
        return told is not None and time.monotonic() - told.asked < _WATCHED_SECONDS

    def take(self, run_id: str, start: int, text: str) -> int:
        """Add whole lines that begin at ``start`` of the agent's record; how far it is taken now.

        What was taken before is passed over, and what does not follow on it is left for the next time.
        """
        told = self._runs.get(run_id)
        if told is None:
            return 0
        data = text.encode()
        if start <= told.taken < start + len(data):
            lines = data[told.taken - start :].splitlines()
            told.taken = start + len(data)
            if told.taken <= MOST_PROGRESS:
                told.said += b"".join(filter(None, map(_entry, lines)))
        return told.taken

    def forget(self, run_id: str) -> None:
        self._runs.pop(run_id, None)


def _entry(line: bytes) -> bytes:
    """The line as it is shown, or nothing where it is neither a step nor output."""
    try:
        found = json.loads(line)
        at = float(found["at"])
        key = "step" if "step" in found else "line"
        text = str(found[key])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return b""
    if not math.isfinite(at) or len(text) > _LONGEST[key]:
        return b""
    return json.dumps({"at": at, key: masked(text.replace("\x00", "\ufffd"), [])}).encode() + b"\n"
