"""What a script made of its scratch, read as the real paths shall have it."""

from __future__ import annotations

import os

from suture_sandbox.runner.tree import ABSENT, Budget, PathRefused, read, read_tree, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from suture_sandbox.runner.stage import Stage, View
    from suture_sandbox.runner.tree import Entries, Entry


def collect(stage: Stage) -> tuple[Entries, list[str]]:
    """The entries that differ from before, and the paths that the script had no right to.

    Raises ``PathRefused`` where an entry may not stand: a setuid bit, a link out of the root, a device.
    """
    reading = _Reading(stage)
    for view in stage.views.values():
        reading.folder(view, view.scratch, view.directory)
    after = {path: reading.owned(path, entry) for path, entry in reading.found.items()}
    for path in stage.before:
        after.setdefault(path, ABSENT)
    changed = {
        path: entry for path, entry in after.items() if not same(entry, stage.before.get(path, ABSENT))
    }
    return changed, reading.undeclared


class _Reading:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._budget = Budget()
        self.found: Entries = {}
        self.undeclared: list[str] = []

    def folder(self, view: View, scratch: str, directory: str) -> None:
        """Read one scratch folder, which stands for ``directory``."""
        fd = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            names = sorted(os.listdir(fd))
            top = scratch == view.scratch
            if top:
                self.undeclared += [f"{directory}/{name}" for name in view.links if name not in names]
            for name in names:
                if top and name in view.bound:
                    continue  # a mount point: the kernel kept it as it is
                link = view.links.get(name) if top else None
                self._item(view, fd, name, f"{directory}/{name}", link)
        finally:
            os.close(fd)

    def _item(self, view: View, fd: int, name: str, path: str, link: str | None) -> None:
        if path in self._stage.writes:
            for below, entry in read_tree(fd, name, path, self._budget, linked=False).items():
                self.found[below] = {**entry, "blob": view.scratch + below[len(view.directory) :]}
        elif link is not None:
            if read(fd, name, path, self._budget, linked=False).get("target") != link:
                self.undeclared.append(path)
        elif self._stage.leads_on(path) and self._new_directory(fd, name, path):
            self.folder(view, view.scratch + path[len(view.directory) :], path)
        else:
            self.undeclared.append(path)

    def _new_directory(self, fd: int, name: str, path: str) -> bool:
        entry = read(fd, name, path, self._budget)
        if entry["kind"] == "directory":
            self.found[path] = entry
        return bool(entry["kind"] == "directory")

    def owned(self, path: str, entry: Entry) -> Entry:
        """The entry as the real path shall have it: a script cannot choose owner or extended attributes."""
        before = self._stage.before.get(path, ABSENT)
        kept = before["kind"] == entry["kind"]
        owner = (before["uid"], before["gid"]) if kept else self._new_owner(path)
        entry = {**entry, "uid": owner[0], "gid": owner[1]}
        if entry["kind"] == "link":
            self._check_link(path, entry, before)
            return entry
        special = before.get("mode", 0) & 0o7000 if kept else 0
        if entry["mode"] & 0o6000:
            raise PathRefused(f"{path}: the script set a setuid or setgid bit")
        return {
            **entry,
            "mode": entry["mode"] & 0o777 | special,
            "xattrs": before.get("xattrs", {}) if kept else {},
        }

    def _new_owner(self, path: str) -> tuple[int, int]:
        # What is new belongs to whoever owns the directory that it is put in, where this process may say so.
        if os.geteuid() != 0:
            return os.geteuid(), os.getegid()
        directory = os.path.dirname(path)
        while directory not in self._stage.views:
            known = self._stage.before.get(directory, ABSENT)
            if known["kind"] == "directory":
                return known["uid"], known["gid"]
            directory = os.path.dirname(directory)
        return self._stage.views[directory].owner

    def _check_link(self, path: str, entry: Entry, before: Entry) -> None:
        if before.get("target") == entry["target"]:
            return
        leads = os.path.normpath(os.path.join(os.path.dirname(path), entry["target"]))
        if not leads.startswith(self._stage.root.path.rstrip("/") + "/"):
            raise PathRefused(f"{path}: became a symbolic link that leaves the target's root")
