"""The shell's own commands that change what is known, or run code."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from suture_safety.bash.assignments import forget, set_variable
from suture_safety.bash.machine import Stream
from suture_safety.bash.outputs import formatted
from suture_safety.bash.shells import run_code
from suture_safety.bash.values import ANY, MANY, UNKNOWN, is_known, normal_path, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from suture_safety.bash.command import Command
    from suture_safety.bash.machine import Machine, Nodes

    Builtin = Callable[[Machine, Command, Nodes], Stream | None]

SILENT = Stream("")
_TRUSTED_SOURCES = re.compile(
    r"/(etc|usr/lib)/(os-release|lsb-release|default/[\w.-]+|sysconfig/[\w./-]+|profile|environment|redhat-release)"
    r"|/lib/lsb/init-functions|/usr/share/scap-security-guide/[\w./-]+"
)
_SIGNALS = re.compile(r"(SIG)?[A-Z]+\d*|\d+")


def _eval(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    code = " ".join(command.arguments)
    machine.collector.add(
        "dynamic.eval",
        "warning",
        f"eval builds and runs code: {shown(code)}",
        "Run the command itself; use an array for arguments that vary.",
        command.place,
    )
    return run_code(machine, code, command, nodes()[-1] if len(command.arguments) == 1 else None, quiet=True)


def _source(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    name = command.arguments[0] if command.arguments else ANY
    if name == "/dev/stdin" and command.stdin is not None:
        return run_code(machine, command.stdin.text, command, None, command.stdin)
    if name in machine.process_sources:
        return run_code(
            machine, machine.process_sources[name].text, command, None, machine.process_sources[name]
        )
    known = machine.files.get(normal_path(name, machine.cwd))
    if known is not None:
        return machine.run_text(known.text, known.place or command.place, exact=known.place is not None)
    if not _TRUSTED_SOURCES.fullmatch(name):
        machine.collector.effects.complete = False
        machine.collector.add(
            "dynamic.source",
            "warning",
            f"runs the code in {shown(name)}, which cannot be read here",
            "Put the needed lines into the script itself.",
            command.place,
        )
    return SILENT


def _set(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    machine.trail.set_options(command.arguments)
    if "--" in command.arguments:
        machine.arguments = command.arguments[command.arguments.index("--") + 1 :]
    return SILENT


def _shift(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    if machine.arguments is not None:
        count = int(command.arguments[0]) if command.arguments and command.arguments[0].isdecimal() else 1
        machine.arguments = machine.arguments if MANY in machine.arguments else machine.arguments[count:]
    return SILENT


def _read(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    names = [word for word in command.operands if word.isidentifier()]
    stdin = command.stdin or machine.input
    if stdin is None and not command.has("-t", "-u"):
        machine.collector.add(
            "resources.waits-for-input",
            "warning",
            "read waits for somebody to type",
            "Take the value as a parameter.",
            command.place,
        )
    if stdin is not None and is_known(stdin.text):
        lines = stdin.text.splitlines()[:200] or [""]
        if len(names) == 1:
            # Within a loop it takes each line in turn.
            set_variable(machine, names[0], tuple(lines))
            return SILENT
        if len(lines) == 1 and "-a" not in command.options:
            words = lines[0].split(None, len(names) - 1)
            for name, word in zip_longest(names, words[: len(names)], fillvalue=""):
                set_variable(machine, name, (word,))
            return SILENT
    for name in names or ["REPLY"]:
        forget(machine, name)
    return SILENT


def _read_array(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    for name in command.operands[-1:] or ["MAPFILE"]:
        known = command.stdin is not None and is_known(command.stdin.text)
        machine.arrays[name] = command.stdin.text.splitlines()[:200] if known and command.stdin else [MANY]
        machine.variables.pop(name, None)
    return SILENT


def _cd(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    target = command.operands[0] if command.operands else ANY
    path = normal_path(target, machine.cwd)
    # Without `set -e` or `&&` the script goes on where it was when cd fails.
    certain = machine.guarded or machine.trail.errexit
    machine.cwd = path if certain and path.startswith("/") and not UNKNOWN.search(path) else None
    if path == "/":
        machine.cwd = "/"
    return SILENT


def _trap(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    words = command.operands
    if len(words) >= 2 and words[0] not in ("", "-") and not _SIGNALS.fullmatch(words[0]):
        if words[0].strip() in machine.functions:
            machine.functions_at_exit.append(words[0].strip())
        else:
            before = machine.scope()
            origins = nodes()
            run_code(machine, words[0], command, origins[1] if len(origins) > 1 else None, quiet=True)
            machine.restore(before)
    return SILENT


def _hash(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    """``hash -p PATH NAME``: from here on the name is that program."""
    if command.has("-p"):
        for name in command.operands[1:]:
            machine.aliases[name] = command.operands[0]
    return SILENT


def _alias(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    for word in command.arguments:
        name, equals, value = word.partition("=")
        if equals and value.strip():
            machine.aliases[name] = value
    return SILENT


def _printf(machine: Machine, command: Command, nodes: Nodes) -> Stream | None:
    words = command.arguments
    if len(words) >= 3 and words[0] == "-v":
        if words[1].isidentifier():
            set_variable(machine, words[1], (formatted(words[2:]),))
        return SILENT
    return None


def _command(machine: Machine, command: Command, nodes: Nodes) -> Stream | None:
    return Stream(ANY) if command.arguments[:1] in (["-v"], ["-V"]) else None


def _getopts(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    for name in ("OPTARG", *command.operands[1:2]):
        forget(machine, name)
    return SILENT


def _quiet(machine: Machine, command: Command, nodes: Nodes) -> Stream:
    return SILENT


BUILTINS: dict[str, Builtin] = {
    "eval": _eval,
    "source": _source,
    ".": _source,
    "set": _set,
    "shift": _shift,
    "read": _read,
    "mapfile": _read_array,
    "readarray": _read_array,
    "cd": _cd,
    "pushd": _cd,
    "trap": _trap,
    "alias": _alias,
    "hash": _hash,
    "printf": _printf,
    "command": _command,
    "getopts": _getopts,
    ":": _quiet,
    "true": _quiet,
    "false": _quiet,
    "exit": _quiet,
    "return": _quiet,
}
