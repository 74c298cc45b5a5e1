"""What was there before: kept beside the claim, so that every run can be taken back byte for byte."""

from __future__ import annotations

import os

from suture_sandbox.runner.durable import read_json, sync_directory, write_json
from suture_sandbox.runner.tree import ABSENT, Budget, Missing, Root, read_tree, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from suture_sandbox.runner.tree import Entries


def outermost(writes: list[str]) -> list[str]:
    """The declared writes without those that lie below another one."""
    kept: list[str] = []
    for path in sorted(set(writes)):
        if not any(path.startswith(above + "/") for above in kept):
            kept.append(path)
    return kept


def take(root: Root, writes: list[str], folder: str) -> Entries:
    """Read all declared writes, and their missing parents; copy their bytes into ``folder``."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    count = 0

    def keep() -> str:
        nonlocal count
        count += 1
        return os.path.join(folder, f"{count}")

    return _read(root, writes, keep)


def look(root: Root, writes: list[str]) -> Entries:
    """The declared writes as they are, each file's ``blob`` being the file itself."""
    entries = _read(root, writes, None)
    return {
        path: {**entry, "blob": path} if entry["kind"] == "file" else entry for path, entry in entries.items()
    }


def _read(root: Root, writes: list[str], keep: Callable[[], str] | None) -> Entries:
    entries: Entries = {}
    budget = Budget()
    for path in outermost(writes):
        try:
            fd, name = root.parent(path)
        except Missing as missing:
            entries.update(_absent(str(missing), path))
            continue
        try:
            entries.update(read_tree(fd, name, path, budget, keep))
        finally:
            os.close(fd)
    return entries


def _absent(first: str, last: str) -> Entries:
    paths = [last]
    while paths[-1] != first:
        paths.append(os.path.dirname(paths[-1]))
    return {path: dict(ABSENT) for path in reversed(paths)}


def make_durable(folder: str, entries: Entries) -> None:
    """Nothing real may change before this returns."""
    for entry in entries.values():
        if "blob" in entry:
            fd = os.open(entry["blob"], os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
    sync_directory(folder)
    write_json(os.path.join(folder, "index.json"), entries)


def load(folder: str) -> Entries | None:
    entries: Entries | None = read_json(os.path.join(folder, "index.json"))
    return entries


def differences(root: Root, wanted: Entries) -> list[str]:
    """The paths whose present state is not the wanted one."""
    return [path for path, entry in wanted.items() if not same(root.look(path), entry)]
