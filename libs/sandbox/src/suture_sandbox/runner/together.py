"""What all processes of one script use together; the kernel's limits bound each of them alone."""

from __future__ import annotations

import os
import time

_EVERY_SECONDS = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE")
_COUNTED = (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")
"""Of memory that several processes share, each counts its part; the programs' own files are the system's."""


def available() -> bool:
    """Whether this kernel tells a process' children."""
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


class Together:
    """Looks at the tree of processes below the sandbox's first, ten times a second at most."""

    def __init__(self, memory_bytes: int, processes: int) -> None:
        self._memory = memory_bytes
        self._processes = processes
        self._looked = time.monotonic()

    def excess(self, first: int) -> str:
        """Why the script has to end, or nothing. ``first`` is the first process' number here."""
        now = time.monotonic()
        if now - self._looked < _EVERY_SECONDS:
            return ""
        self._looked = now
        found = _below(first, self._processes)
        if len(found) > self._processes:
            return "more processes than the limits allow"
        # Resident pages are quickly read, and never fewer than what is counted.
        if sum(map(_resident, found)) > self._memory and sum(map(_used, found)) > self._memory:
            return "more memory, of all its processes together, than the limits allow"
        return ""


def _below(first: int, most: int) -> list[int]:
    """Descendants, whatever session they have made of their own; not much more than ``most``."""
    found: list[int] = []
    parents = [first]
    while parents and len(found) <= most:
        children = _children(parents.pop())
        found += children
        parents += children
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        pass  # gone: its children are the first process' now
    return found


def _resident(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if len(fields) > 1 else 0


def _used(pid: int) -> int:
    lines = _read(f"/proc/{pid}/smaps_rollup").splitlines()
    if not lines:
        return _resident(pid)
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(_COUNTED))


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
