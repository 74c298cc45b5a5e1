"""Changing the real paths: each replaced whole by a rename, from an open directory, or left as it was."""

from __future__ import annotations

import os

from suture_sandbox.runner.durable import write_all
from suture_sandbox.runner.tree import ABSENT, Missing, PathRefused, Root, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from suture_sandbox.runner.tree import Entries, Entry


class Drift(Exception):
    """Someone else changed a path meanwhile; the argument says which."""


def apply(root: Root, before: Entries, after: Entries, tag: str) -> None:
    """Bring every path of ``after`` from ``before`` to ``after``; checks all of them before it changes one.

    Raises ``Drift`` where the present state is not ``before``, ``OSError`` where a change fails.
    """
    for path in after:
        _expect(root, path, before.get(path, ABSENT))
    for path in sorted(after, reverse=True):
        old, new = before.get(path, ABSENT), after[path]
        if old["kind"] != "absent" and (new["kind"] == "absent" or _changes_kind(old, new)):
            remove(root, path, old["kind"])
    for path in sorted(after):
        old, new = before.get(path, ABSENT), after[path]
        if new["kind"] == "absent":
            continue
        _expect(root, path, ABSENT if _changes_kind(old, new) else old)
        put(root, path, new, tag)


def restore(root: Root, before: Entries, after: Entries, tag: str) -> None:
    """Bring every path of ``after`` back to ``before``, and only where it still is as ``after`` says.

    A path that is back already, or never got away, is left alone: this may be run again after any crash.
    Raises ``Drift`` before it changes anything.
    """
    sweep(root, after, tag)
    away = [path for path in after if not same(root.look(path), before.get(path, ABSENT))]
    drifted = [path for path in away if not _ours(root.look(path), before.get(path, ABSENT), after[path])]
    if drifted:
        raise Drift(", ".join(drifted))
    for path in sorted(away, reverse=True):
        now, old = root.look(path), before.get(path, ABSENT)
        if now["kind"] != "absent" and (old["kind"] == "absent" or _changes_kind(now, old)):
            remove(root, path, now["kind"])
    for path in sorted(away):
        if before.get(path, ABSENT)["kind"] != "absent":
            put(root, path, before[path], tag)


def _ours(now: Entry, before: Entry, after: Entry) -> bool:
    if same(now, after):
        return True
    # A directory gets its mode after it is made, and a path that changes its kind is absent in between.
    half_made = now["kind"] == "directory" and "directory" in (before["kind"], after["kind"])
    between = now["kind"] == "absent" and before["kind"] != after["kind"]
    return bool(half_made or between)


def _changes_kind(old: Entry, new: Entry) -> bool:
    return bool(old["kind"] != new["kind"] and "directory" in (old["kind"], new["kind"]))


def _expect(root: Root, path: str, entry: Entry) -> None:
    if not same(root.look(path), entry):
        raise Drift(path)


def remove(root: Root, path: str, kind: str) -> None:
    fd, name = root.parent(path)
    try:
        if kind == "directory":
            os.rmdir(name, dir_fd=fd)
        else:
            os.unlink(name, dir_fd=fd)
        os.fsync(fd)
    finally:
        os.close(fd)


def put(root: Root, path: str, entry: Entry, tag: str) -> None:
    """Make ``path`` what ``entry`` says; a file or link appears whole, by a rename."""
    fd, name = root.parent(path)
    temporary = f".suture-{tag}-{name}"[:250]
    try:
        if entry["kind"] == "directory":
            _put_directory(fd, name, entry)
        elif entry["kind"] == "link":
            os.symlink(entry["target"], temporary, dir_fd=fd)
            _own(temporary, entry, dir_fd=fd)
            os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
        else:
            _write_temporary(fd, temporary, entry)
            os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
        os.fsync(fd)
    finally:
        os.close(fd)


def _put_directory(fd: int, name: str, entry: Entry) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=fd)
    except FileExistsError:
        pass
    opened = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    try:
        _dress(opened, entry)
        os.fsync(opened)
    finally:
        os.close(opened)


def _write_temporary(fd: int, temporary: str, entry: Entry) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    source = os.open(entry["blob"], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        opened = os.open(temporary, flags, 0o600, dir_fd=fd)
        try:
            while chunk := os.read(source, 1 << 20):
                write_all(opened, chunk)
            _dress(opened, entry)
            if "mtime_ns" in entry:
                os.utime(opened, ns=(entry["mtime_ns"], entry["mtime_ns"]))
            os.fsync(opened)
        finally:
            os.close(opened)
    finally:
        os.close(source)


def _dress(fd: int, entry: Entry) -> None:
    found = os.fstat(fd)
    if (found.st_uid, found.st_gid) != (entry["uid"], entry["gid"]):
        os.fchown(fd, entry["uid"], entry["gid"])
    os.fchmod(fd, entry["mode"])  # after the owner: a change of owner clears bits
    present = {name: os.getxattr(fd, name).hex() for name in os.listxattr(fd)}
    for name in present.keys() - entry["xattrs"].keys():
        os.removexattr(fd, name)
    for name, value in entry["xattrs"].items():
        if present.get(name) != value:
            os.setxattr(fd, name, bytes.fromhex(value))


def _own(name: str, entry: Entry, dir_fd: int) -> None:
    found = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    if (found.st_uid, found.st_gid) != (entry["uid"], entry["gid"]):
        os.chown(name, entry["uid"], entry["gid"], dir_fd=dir_fd, follow_symlinks=False)


def sweep(root: Root, paths: Entries, tag: str) -> None:
    """Remove the temporary files that a killed runner left beside the paths."""
    for path in paths:
        try:
            fd, name = root.parent(path)
        except (Missing, PathRefused):
            continue
        try:
            os.unlink(f".suture-{tag}-{name}"[:250], dir_fd=fd)
        except (FileNotFoundError, IsADirectoryError):
            pass
        finally:
            os.close(fd)
