"""Files that a sandbox keeps over restarts, whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from uuid import uuid4


def write_whole(path: Path, text: str) -> None:
    """Replace a file, durably, for its owner alone."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def home(path: Path) -> str:
    """What names this state folder: made once, by whoever is first, and gone with it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        temporary = path.with_name(f"{path.name}.{uuid4().hex}")
        write_whole(temporary, uuid4().hex)
        with contextlib.suppress(FileExistsError):
            # Not by renaming: two that start at once would each have a name of their own.
            os.link(temporary, path)
        temporary.unlink()
    return path.read_text()
