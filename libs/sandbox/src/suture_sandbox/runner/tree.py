"""What lies at a path: read without ever following a symbolic link.

An entry is a dict: ``kind`` (``file``, ``directory``, ``link``, ``absent``), and by kind ``mode``, ``uid``,
``gid``, ``xattrs`` (name to hex), ``mtime_ns``, ``sha256``, ``size``, ``target``, ``blob`` (where a copy is).
"""

from __future__ import annotations

import errno
import os
import stat

try:  # hashlib loads OpenSSL, which costs a run more than all its hashing.
    from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Entry = dict[str, Any]
    Entries = dict[str, Entry]

ABSENT: Entry = {"kind": "absent"}
IDENTITY = ("kind", "mode", "uid", "gid", "xattrs", "sha256", "target")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 20


def hashed(data: bytes) -> str:
    """The SHA-256 in hexadecimal."""
    return str(sha256(data).hexdigest())


class PathRefused(Exception):
    """A path that may not be changed, and why."""


class Missing(Exception):
    """A directory on the way does not exist; the argument is its path."""


class Budget:
    """How much one snapshot may hold."""

    def __init__(self, entries: int = 2_000, size: int = 512 << 20) -> None:
        self.entries = entries
        self.size = size

    def take(self, path: str, size: int) -> None:
        self.entries -= 1
        self.size -= size
        if self.entries < 0 or self.size < 0:
            raise PathRefused(f"{path}: the declared writes hold more than a snapshot may; declare less")


def same(left: Entry, right: Entry) -> bool:
    """Whether two entries are equal in bytes, owner, mode and extended attributes."""
    return all(left.get(key) == right.get(key) for key in IDENTITY)


def digest(entry: Entry) -> str:
    """One word for an entry's content, as results show it."""
    if entry["kind"] == "link":
        return f"link:{sha256(entry['target'].encode(errors='surrogateescape')).hexdigest()}"
    return str(entry.get("sha256", entry["kind"]))


def words(entries: Entries) -> dict[str, str]:
    """One word for each path's content."""
    return {path: digest(entry) for path, entry in entries.items()}


class Root:
    """The folder that is the ceiling of a run; every path is walked from its open descriptor."""

    def __init__(self, path: str) -> None:
        if os.path.realpath(path) != path:
            raise PathRefused(
                f"{path}: the target's root goes through a symbolic link; register the real path"
            )
        self.path = path
        self.fd = os.open(path, _DIRECTORY)

    def parts(self, path: str) -> list[str]:
        prefix = self.path.rstrip("/") + "/"
        parts = path[len(prefix) :].split("/")
        if not path.startswith(prefix) or any(part in ("", ".", "..") for part in parts):
            raise PathRefused(f"{path}: not below the target's root {self.path}")
        return parts

    def parent(self, path: str) -> tuple[int, str]:
        """An open descriptor of the path's directory (the caller closes it) and the last name."""
        parts = self.parts(path)
        fd = os.dup(self.fd)
        for index, part in enumerate(parts[:-1]):
            try:
                below = os.open(part, _DIRECTORY, dir_fd=fd)
            except FileNotFoundError:
                raise Missing("/".join((self.path.rstrip("/"), *parts[: index + 1]))) from None
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENOTDIR):
                    raise PathRefused(
                        f"{path}: {part!r} on the way is a symbolic link or no directory"
                    ) from None
                raise PathRefused(f"{path}: {error.strerror}") from None
            finally:
                os.close(fd)
            fd = below
        return fd, parts[-1]

    def look(self, path: str) -> Entry:
        """The entry at a path, without its bytes and, for a directory, without what is in it."""
        try:
            fd, name = self.parent(path)
        except Missing:
            return ABSENT
        try:
            return read(fd, name, path, Budget())
        finally:
            os.close(fd)


def read(
    fd: int, name: str, path: str, budget: Budget, keep: Callable[[], str] | None = None, linked: bool = True
) -> Entry:
    """The entry ``name`` in the directory ``fd``; ``keep`` gives the path for a copy of a file's bytes."""
    try:
        found = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return ABSENT
    if stat.S_ISLNK(found.st_mode):
        budget.take(path, 0)
        return {
            "kind": "link",
            "target": os.readlink(name, dir_fd=fd),
            "uid": found.st_uid,
            "gid": found.st_gid,
        }
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise PathRefused(f"{path}: neither a file, a directory nor a link")
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    except OSError as error:
        raise PathRefused(f"{path}: {error.strerror}") from None
    try:
        return _read_open(opened, path, budget, keep, linked)
    finally:
        os.close(opened)


def _read_open(fd: int, path: str, budget: Budget, keep: Callable[[], str] | None, linked: bool) -> Entry:
    found = os.fstat(fd)
    entry: Entry = {
        "kind": "directory" if stat.S_ISDIR(found.st_mode) else "file",
        "mode": stat.S_IMODE(found.st_mode),
        "uid": found.st_uid,
        "gid": found.st_gid,
        "xattrs": {name: os.getxattr(fd, name).hex() for name in sorted(os.listxattr(fd))},
        "mtime_ns": found.st_mtime_ns,
    }
    budget.take(path, found.st_size if entry["kind"] == "file" else 0)
    if entry["kind"] == "directory":
        return entry
    if not stat.S_ISREG(found.st_mode) or (linked and found.st_nlink > 1):
        raise PathRefused(f"{path}: has other hard links, which replacing it would part from it")
    entry["size"] = found.st_size
    entry["sha256"] = _hash(fd, path, found.st_size, entry, keep)
    return entry


def _hash(fd: int, path: str, size: int, entry: Entry, keep: Callable[[], str] | None) -> str:
    total = sha256()
    copy = -1
    if keep is not None:
        entry["blob"] = keep()
        copy = os.open(entry["blob"], os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        left = size
        while chunk := os.read(fd, _CHUNK):
            left -= len(chunk)
            if left < 0:
                raise PathRefused(f"{path}: grows while it is read; stop its writer first")
            total.update(chunk)
            if copy >= 0:
                os.write(copy, chunk)
    finally:
        if copy >= 0:
            os.close(copy)
    return str(total.hexdigest())


def read_tree(
    fd: int, name: str, path: str, budget: Budget, keep: Callable[[], str] | None = None, linked: bool = True
) -> Entries:
    """The entry and, where it is a directory, all below it; parents come before their children."""
    entry = read(fd, name, path, budget, keep, linked)
    entries = {path: entry}
    if entry["kind"] != "directory":
        return entries
    below = os.open(name, _DIRECTORY, dir_fd=fd)
    try:
        for child in sorted(os.listdir(below)):
            entries.update(read_tree(below, child, f"{path}/{child}", budget, keep, linked))
    finally:
        os.close(below)
    return entries
