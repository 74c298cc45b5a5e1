"""Processor time by part: on a shared machine it says more than seconds, and it says where they go."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psutil


@contextmanager
def cpu_told(pids: Mapping[str, int], messages: int) -> Iterator[None]:
    """Prints what each part, with its children, and this process (the driver) used for each message."""
    parts = {**pids, "driver": psutil.Process().pid}
    before = {name: _used(pid, family=name != "driver") for name, pid in parts.items()}
    yield
    spent = {
        name: (_used(pid, family=name != "driver") - before[name]) / messages * 1_000
        for name, pid in parts.items()
    }
    each = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in spent.items())
    print(f"    CPU ms each: {each}; all {sum(spent.values()):.1f}", file=sys.stderr)


def _used(pid: int, *, family: bool) -> float:
    process = psutil.Process(pid)
    members = [process, *process.children(recursive=True)] if family else [process]
    return sum(times.user + times.system for times in (member.cpu_times() for member in members))
