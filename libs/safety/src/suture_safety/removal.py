"""What a command removes, moves away, or puts something else in the place of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash.values import ANY, MANY, SOME, UNKNOWN, is_known, shown
from suture_safety.paths import covered, when_empty

if TYPE_CHECKING:
    from suture_safety.bash.command import Command
    from suture_safety.paths import PathClasses

_SCRATCH = re.compile(
    r"/(?:var/)?tmp/.+|/dev/shm/.+|/run/[^/]+/.+|/var/(?:cache|lib/apt/lists)(?:/.*)?|/var/lib/dnf/.*"
)


def removes_if_empty(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """An operand that is a system root when a variable in it is empty."""
    for path in (*command.paths, *(MANY for word in command.operands if word == MANY)):
        if is_known(path) or path in (ANY, MANY):
            continue
        if "system_root" in classes.of(when_empty(path)) and "system_root" not in classes.of(path):
            return shown(path)
    return None


def removes_unknown(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """An operand whose beginning is not known: it may be anything."""
    for path in command.operands:
        if path.startswith((ANY, SOME, MANY)) or (path.startswith("/") and UNKNOWN.match(path[1:])):
            return shown(path)
    return None


def removes_elsewhere(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """A known path that is neither scratch nor declared."""
    for path in command.paths:
        if (
            UNKNOWN.match(path)
            or UNKNOWN.match(path[1:])
            or _SCRATCH.fullmatch(path)
            or covered(path, declared)
        ):
            continue
        if "system_root" in classes.of(path) or "system_root" in classes.of(when_empty(path)):
            continue  # another rule's
        return shown(path)
    return None


def moves_root(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """A system directory among the sources, not as the destination."""
    return next((path for path in command.paths[:-1] if "wide" in classes.of(path)), None)


def moves_system_file(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """A file that the system needs among the sources; to a name beside its old one it stays at hand."""
    *sources, target = command.paths or [""]
    for path in sources:
        needed = not classes.of(path).isdisjoint(("system_file", "accounts"))
        if needed and not target.startswith(path) and not covered(path, declared):
            return shown(path)
    return None


def removes_device(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    for path in (*command.outputs, *(command.paths if command.name == "tee" else ())):
        if "device_switch" in classes.of(path):
            return shown(path)
    return None


def deletes_what_it_is_fed(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """Behind ``xargs``, with a list that is not known; what is removed recursively is another rule's."""
    if MANY not in command.operands or not {"xargs", "parallel"} & set(command.wrappers):
        return None
    return None if command.has("-r", "-R", "--recursive") else command.name


def replaces_a_program(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    target = command.paths[-1] if len(command.paths) > 1 else ""
    placed = re.fullmatch(r"/(?:usr/)?s?bin/[^/]+", target)
    return shown(target) if placed and not covered(target, declared) else None


def takes_configuration(command: Command, declared: tuple[str, ...], classes: PathClasses) -> str | None:
    """Something below ``/etc`` that is not put in its place, or aside, by the same command."""
    *sources, target = command.paths or [""]
    taken = sources if command.name == "mv" else command.paths
    for path in taken:
        kept = command.name == "mv" and target.startswith("/etc/")
        if path.startswith("/etc/") and not kept and not covered(path, declared):
            return shown(path)
    return None
