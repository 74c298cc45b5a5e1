"""What a command touches: files, programs, addresses, other state; by ``rules/programs.yaml``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash.command import is_output
from suture_safety.bash.values import MANY, TOKEN, normal_path
from suture_safety.images import IMAGE_TOOLS, of_command

if TYPE_CHECKING:
    from suture_safety.bash.command import Command
    from suture_safety.bash.machine import Machine
    from suture_safety.collector import Effects

_HARMLESS = re.compile(r"/dev/(null|stdout|stderr|stdin|tty|zero|full|fd/\d+)|/proc/self/fd/\d+|-")
_TEMPORARY = re.compile(r"/(?:var/)?tmp/")
_URL = re.compile(r"(https?|ftp|sftp|ssh|git)://(?:[^/@\s]*@)?(\[[^\]]+\]|[^/:\s?#]+)(?::(\d+))?")
_PORTS = {"http": 80, "https": 443, "ftp": 21, "sftp": 22, "ssh": 22, "git": 9418}
_SOCKET = re.compile(r"/dev/(?:tcp|udp)/([^/]+)/(.+)")


def note(machine: Machine, command: Command, path: str) -> None:
    """Adds what one command touches to the collector's effects."""
    found = machine.collector.effects
    name = command.name
    for redirect in command.redirects:
        if socket := _SOCKET.fullmatch(redirect.target):
            found.connect(f"{socket[1]}:{socket[2]}", machine.place(redirect.node))
        elif is_output(redirect):
            wrote(machine, redirect.target, machine.place(redirect.node), command.cwd)
    if not name:
        return
    program = command.program
    if program is None:
        found.executes.setdefault(path)
        found.complete = False
        machine.collector.effects.states.setdefault(f"unknown program {name}", command.place)
        return
    if program.builtin:
        return
    found.executes.setdefault(name)
    if program.runs_as is not None:
        found.user(_user(command, program.runs_as), command.place)
    if name in IMAGE_TOOLS:
        of_command(machine, command)
    if program.reads and _only_reads(command, program.reads):
        return
    if program.writes:
        for target in _written(command, program.writes):
            wrote(machine, target, command.place, command.cwd)
    if program.state:
        found.states.setdefault(program.state, command.place)
        machine.trail.changed(command.place)
        # What a project's own files say is run, and they are not in the script.
        found.complete = found.complete and program.state != "build"
    if program.network:
        _connects(command, found)


def _user(command: Command, options: tuple[str, ...]) -> str:
    """As whom the command inside runs."""
    named = next((command.options[one] for one in options if command.options.get(one)), "")
    if named or options:
        return named or "root"
    return next((word for word in command.operands if word not in ("-", MANY)), "root").partition(":")[0]


def wrote(machine: Machine, target: str, place: tuple[int, int], cwd: str | None) -> None:
    if not target or _HARMLESS.fullmatch(target):
        return
    path = normal_path(target, cwd)
    machine.collector.effects.write(path, place)
    if not _TEMPORARY.match(path) or TOKEN not in path:
        machine.trail.changed(place)


def _only_reads(command: Command, reads: tuple[str, ...]) -> bool:
    words = command.operands[:1] + [word for word in command.arguments if word.startswith("-")]
    return any(word in reads for word in words)


def _written(command: Command, kind: str) -> list[str]:
    """The paths that a command writes, by the kind that the data gives its program."""
    operands = [word for word in command.operands if word != MANY]
    if kind == "last":
        directory = command.options.get("-t") or command.options.get("--target-directory")
        if directory:
            return [directory]
        moved = operands[:-1] if command.name == "mv" else []
        return [*moved, *operands[-1:]] if len(operands) > 1 or command.has("-d") else operands
    if kind == "all":
        return operands
    if kind == "rest":
        return operands if command.has("--reference") else operands[1:]
    if kind == "inplace":
        if command.has("-i", "--in-place") or any(word.startswith("-i") for word in command.options):
            return operands if command.has("-e", "-f", "--expression", "--file") else operands[1:]
        return []
    if kind == "output":
        named = [
            command.options[o]
            for o in ("-o", "-O", "--output", "--output-document", "--output-file")
            if o in command.options
        ]
        return [target for target in named if target]
    if kind == "of":
        return [word[3:] for word in command.arguments if word.startswith("of=")]
    if kind == "delete" and "-delete" in command.arguments:
        return [operands[0]] if operands else ["."]
    return []


def _connects(command: Command, found: Effects) -> None:
    seen = False
    for word in command.arguments:
        for match in _URL.finditer(word):
            seen = True
            found.connect(f"{match[2]}:{match[3] or _PORTS[match[1]]}", command.place)
    if not seen and command.name not in ("ping", "dig", "host", "nslookup"):
        found.connect(f"{command.operands[0]}:0" if command.operands else "\ue000:0", command.place)
