"""What runs do and print while they run, for whoever asks; none of it is kept or published."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from suture_chassis.messages import Received
from suture_contracts.base import Reply
from suture_contracts.commands import ShowProgress
from suture_contracts.events import Mode
from suture_contracts.target import Target

from suture_executor.sandboxes import Sandboxes

_MOST_REMEDIATIONS = 1_000
_MOST_WATCHED = 64
_REPLY_BYTES = 64_000
_WATCHED_SECONDS = 15.0


@dataclass(slots=True)
class _Begun:
    run_id: str
    target: Target
    mode: Mode
    said: bytes | None = None
    """All that it said, where it has ended and somebody watched."""


class Progress:
    """The runs that this process began or adopted, by remediation, the latest remediations alone."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self._sandboxes = sandboxes
        self._begun: OrderedDict[str, list[_Begun]] = OrderedDict()
        self._asked: OrderedDict[str, float] = OrderedDict()

    def begin(self, remediation_id: str, run_id: str, target: Target, mode: Mode) -> None:
        runs = self._begun.setdefault(remediation_id, [])
        self._begun.move_to_end(remediation_id)
        if len(self._begun) > _MOST_REMEDIATIONS:
            self._begun.popitem(last=False)
        if all(run.run_id != run_id for run in runs):
            runs.append(_Begun(run_id, target, mode))

    async def end(self, remediation_id: str, run_id: str) -> None:
        """The run has ended, and its sandbox will forget it: keep what it said for those who watch."""
        if not self._is_watched(remediation_id):
            return
        for run in self._begun.get(remediation_id, ()):
            if run.run_id == run_id:
                run.said = await self._sandboxes.of(run.target).progress(run_id)

    async def show(self, received: Received[ShowProgress]) -> Reply:
        """What follows the place that was asked for; nothing where the runs are not this process'."""
        command = received.message
        remediation_id, after = str(command.remediation_id), command.after or "0:0"
        self._note_asked(remediation_id)
        index, offset = (int(part) for part in after.split(":"))
        entries: list[dict[str, Any]] = []
        runs = self._begun.get(remediation_id, [])
        room = _REPLY_BYTES
        while index < len(runs) and room > 0:
            said = await self._said(runs[index])
            part = _whole_lines(said[offset : offset + room])
            entries += _entries(runs[index], part)
            offset += len(part)
            room -= len(part)
            if index + 1 == len(runs) or _whole_lines(said[offset:]):
                break
            index, offset = index + 1, 0
        more = room < _REPLY_BYTES and bool(entries)
        return Reply(status=200, body={"entries": entries, "next": f"{index}:{offset}", "more": more})

    async def _said(self, run: _Begun) -> bytes:
        if run.said is not None:
            return run.said
        return await self._sandboxes.of(run.target).progress(run.run_id)

    def _note_asked(self, remediation_id: str) -> None:
        self._asked[remediation_id] = time.monotonic()
        self._asked.move_to_end(remediation_id)
        if len(self._asked) > _MOST_WATCHED:
            unwatched, _ = self._asked.popitem(last=False)
            for run in self._begun.get(unwatched, ()):
                run.said = None

    def _is_watched(self, remediation_id: str) -> bool:
        return time.monotonic() - self._asked.get(remediation_id, float("-inf")) < _WATCHED_SECONDS


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _entries(run: _Begun, data: bytes) -> list[dict[str, Any]]:
    said = {"target": run.target.id, "mode": run.mode}
    entries = []
    for line in data.splitlines():
        try:
            entries.append({**said, **json.loads(line)})
        except (ValueError, TypeError):
            continue  # of a runner that was killed while it wrote
    return entries
