"""A lock on a folder that ends with the process that holds it, however that process ends."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from pathlib import Path


class FolderInUse(RuntimeError):
    """Another process holds the lock; ``pid`` is the holder's, where it said so."""

    def __init__(self, path: Path, pid: int | None) -> None:
        super().__init__(f"{path.parent} is in use by process {pid or 'unknown'}")
        self.pid = pid


def try_lock(path: Path) -> int:
    """The locked file's descriptor. Its closing, in every process that inherited it, ends the lock.

    Raises ``FolderInUse`` where another process holds it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise FolderInUse(path, _holder(path)) from None
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


async def lock_within(path: Path, seconds: float) -> int:
    """Like ``try_lock``, but waits that long for a former holder that is about to end."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return try_lock(path)
        except FolderInUse:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.1)


def holder_of(path: Path) -> int | None:
    """The process that holds the lock now; ``None`` where nobody does."""
    try:
        os.close(try_lock(path))
    except FolderInUse as held:
        return held.pid
    return None


def _holder(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
