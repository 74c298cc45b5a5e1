"""A scratch copy of what may be written, shown to the script in place of the real directories.

Each directory that holds a declared write is replaced, inside the sandbox, by a scratch directory: the
declared paths are copies in it, everything else in it is the real thing, bound read-only. So a script may
create, rename over and delete what it declared, as it likes, and not one byte outside the scratch changes.
"""

from __future__ import annotations

import os
import stat

from suture_sandbox.runner.snapshot import outermost
from suture_sandbox.runner.tree import Root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from suture_sandbox.runner.tree import Entries

MOST_BINDS = 128
"""More neighbours than this are shown as links to a read-only view: mounts cost a run quadratically."""
_COPIED_BITS = 0o777


class View:
    """One real directory and its scratch."""

    def __init__(self, directory: str, scratch: str, kept: str) -> None:
        self.directory = directory
        self.scratch = scratch
        self.kept = kept
        self.bound: list[str] = []
        self.links: dict[str, str] = {}
        self.overflows = False
        self.owner = (0, 0)


class Stage:
    """The scratch of one run; ``owner`` is the user that the script runs as, where that is another one."""

    def __init__(
        self, root: Root, before: Entries, writes: list[str], folder: str, owner: int | None
    ) -> None:
        self.root = root
        self.before = before
        self.writes = outermost(writes)
        self.owner = owner
        self.views: dict[str, View] = {}
        self._binds_left = MOST_BINDS
        for path in self.writes:
            directory = self._directory(path)
            if directory not in self.views:
                count = len(self.views)
                view = View(directory, os.path.join(folder, str(count)), f"/run/suture/kept/{count}")
                self.views[directory] = view
                self._show_neighbours(view)
            self._copy(self.views[directory], path)

    def mounts(self, writable: bool) -> list[str]:
        """The arguments that show the scratch, parents first."""
        arguments: list[str] = []
        for view in sorted(self.views.values(), key=lambda view: view.directory.count("/")):
            if view.overflows:
                arguments += ["--ro-bind", view.directory, view.kept]
            arguments += ["--bind" if writable else "--ro-bind", view.scratch, view.directory]
            for name in view.bound:
                arguments += ["--ro-bind-try", f"{view.directory}/{name}", f"{view.directory}/{name}"]
        return arguments

    def use(self) -> tuple[int, int]:
        """Bytes and entries that the scratch takes up now."""
        size = count = 0
        folders = [view.scratch for view in self.views.values()]
        while folders:
            try:
                with os.scandir(folders.pop()) as found:
                    for item in found:
                        count += 1
                        if item.is_dir(follow_symlinks=False):
                            folders.append(item.path)
                        else:
                            size += item.stat(follow_symlinks=False).st_blocks * 512
            except OSError:
                continue  # removed meanwhile
        return size, count

    def _directory(self, path: str) -> str:
        self.root.parts(path)
        directory = os.path.dirname(path)
        while self.before.get(directory, {}).get("kind") == "absent":
            directory = os.path.dirname(directory)
        return directory

    def _show_neighbours(self, view: View) -> None:
        fd, _ = self.root.parent(f"{view.directory}/x")
        try:
            real = os.fstat(fd)
            view.owner = (real.st_uid, real.st_gid)
            os.mkdir(view.scratch, 0o700)
            names = [name for name in os.listdir(fd) if f"{view.directory}/{name}" not in self.writes]
            # What leads to a deeper declared write must be the real directory, for its view is mounted in it.
            for name in sorted(names, key=lambda name: not self.leads_on(f"{view.directory}/{name}")):
                self._show(view, fd, name)
            self._give(view.scratch, real.st_mode & _COPIED_BITS | 0o700)
        finally:
            os.close(fd)

    def leads_on(self, path: str) -> bool:
        """Whether a declared write lies deeper than ``path``."""
        return any(write.startswith(path + "/") for write in self.writes)

    def _show(self, view: View, fd: int, name: str) -> None:
        mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
        target = f"{view.scratch}/{name}"
        if stat.S_ISLNK(mode):
            view.links[name] = os.readlink(name, dir_fd=fd)
        elif self._binds_left == 0:
            view.overflows = True
            view.links[name] = f"{view.kept}/{name}"
        else:
            self._binds_left -= 1
            view.bound.append(name)
            if stat.S_ISDIR(mode):
                os.mkdir(target)
            else:
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            return
        os.symlink(view.links[name], target)

    def _copy(self, view: View, write: str) -> None:
        paths = [path for path in self.before if path == write or path.startswith(write + "/")]
        for path in sorted(paths):
            entry = self.before[path]
            target = view.scratch + path[len(view.directory) :]
            if entry["kind"] == "directory":
                os.mkdir(target, 0o700)
            elif entry["kind"] == "link":
                os.symlink(entry["target"], target)
            elif entry["kind"] == "file":
                _copy_file(entry["blob"], target)
        for path in sorted(paths, reverse=True):
            entry = self.before[path]
            if entry["kind"] in ("file", "directory"):
                copy = view.scratch + path[len(view.directory) :]
                self._give(copy, entry["mode"] & _COPIED_BITS)
                # Scripts ask how old a file is: a copy is as old as what it stands for.
                os.utime(copy, ns=(entry["mtime_ns"], entry["mtime_ns"]))

    def _give(self, path: str, mode: int) -> None:
        if self.owner is not None:
            os.chown(path, self.owner, self.owner, follow_symlinks=False)
        os.chmod(path, mode)


def _copy_file(source: str, target: str) -> None:
    read_from = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        write_to = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            while os.sendfile(write_to, read_from, None, 1 << 20):
                pass
        finally:
            os.close(write_to)
    finally:
        os.close(read_from)
