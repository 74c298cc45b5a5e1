"""Commands that run another command: the inner one is what counts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash.shells import run_code
from suture_safety.bash.values import ANY, MANY, SOME, is_known

if TYPE_CHECKING:
    from collections.abc import Callable

    from suture_safety.bash.command import Command
    from suture_safety.bash.machine import Machine

_EXECUTING = ("-exec", "-execdir", "-ok", "-okdir")


def unwrap(machine: Machine, command: Command) -> list[str] | None:
    """The words of the command inside, or ``None`` where this one is no wrapper."""
    unwrapper = _UNWRAPPERS.get(command.name)
    if unwrapper is not None:
        return unwrapper(machine, command)
    return _after_options(command)


def _after_options(command: Command) -> list[str] | None:
    program = command.program
    if program is None or program.wraps is None:
        return None
    return _skip(command, program.wraps) or None


def _watch(machine: Machine, command: Command) -> list[str] | None:
    run_code(machine, " ".join(_skip(command, 0)) or ANY, command, None)
    return None


def _sudo(machine: Machine, command: Command) -> list[str] | None:
    if command.has("-i", "-s") and not _skip(command, 0):
        _login_shell(machine, command)
        return None
    return _after_options(command)


def _flock(machine: Machine, command: Command) -> list[str] | None:
    if "-c" in command.arguments:
        code = command.arguments[command.arguments.index("-c") + 1 :]
        run_code(machine, code[0] if code else ANY, command, None)
        return None
    return _after_options(command)


def _skip(command: Command, skipped: int) -> list[str]:
    """The words after the wrapper's own options, assignments and first ``skipped`` operands."""
    words = command.arguments
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            position += 1
            return words[position + skipped :]
        if word in command.valued:
            if word in ("-S", "--split-string"):
                return [*"".join(words[position + 1 : position + 2]).split(), *words[position + 2 :]]
            position += 2
        elif (word.startswith(("-", "+")) and len(word) > 1) or (
            command.name in ("env", "sudo", "doas") and re.match(r"\w+=", word)
        ):
            position += 1
        elif skipped:
            skipped -= 1
            position += 1
        else:
            break
    return words[position:]


def _find(machine: Machine, command: Command) -> list[str] | None:
    words = command.arguments
    for position, word in enumerate(words):
        if word in _EXECUTING:
            inner = []
            for part in words[position + 1 :]:
                if part in (";", "+", "\\;"):
                    break
                inner.append(part)
            start = next((w for w in words if not w.startswith("-")), ".")
            found = f"{start.rstrip('/')}/{SOME}"
            return [part.replace("{}", found) for part in inner] or None
    return None


def _xargs(machine: Machine, command: Command) -> list[str] | None:
    inner = _skip(command, 0)
    if not inner:
        return None
    stdin = command.stdin.text if command.stdin else ANY
    whole = command.has("-0", "-d", "--null", "--delimiter", "-L", "-l") or "-I" in command.options
    given = [MANY] if not is_known(stdin) else [stdin.strip("\n\0")] if whole else stdin.split()
    token = command.options.get("-I") or ("{}" if command.has("-i") or command.name == "parallel" else None)
    if token:
        replacement = " ".join(given) if is_known(stdin) else ANY
        return [word.replace(token, replacement) for word in inner]
    if not is_known(stdin) and inner[0].rsplit("/", 1)[-1] in ("sh", "bash", "dash") and "-c" not in inner:
        return [*inner, ANY]
    return [*inner, *given[:200]]


def _su(machine: Machine, command: Command) -> list[str] | None:
    code = command.options.get("-c") or command.options.get("--command")
    if code:
        run_code(machine, code, command, None)
    elif command.name == "runuser" and "--" in command.arguments:
        return command.arguments[command.arguments.index("--") + 1 :]
    else:
        _login_shell(machine, command)
    return None


def _login_shell(machine: Machine, command: Command) -> None:
    """A shell without a command reads what it is fed."""
    if command.stdin is not None:
        run_code(machine, command.stdin.text, command, None, command.stdin)


def _ssh(machine: Machine, command: Command) -> list[str] | None:
    words = _skip(command, 1)
    if words:
        run_code(machine, " ".join(words), command, None)
    elif command.stdin is not None:
        run_code(machine, command.stdin.text, command, None, command.stdin)
    return None


def _container(machine: Machine, command: Command) -> list[str] | None:
    words = command.arguments
    if "exec" not in words[:6] and "run" not in words[:6]:
        return None
    if "--" in words:
        return words[words.index("--") + 1 :] or None
    if command.name in ("kubectl", "oc"):
        return None
    verb = next(position for position, word in enumerate(words) if word in ("exec", "run"))
    rest = words[verb + 1 :]
    position = 0
    while position < len(rest) and rest[position].startswith("-"):
        position += 2 if rest[position] in command.valued else 1
    return rest[position + 1 :] or None


_UNWRAPPERS: dict[str, Callable[[Machine, Command], list[str] | None]] = {
    "find": _find,
    "xargs": _xargs,
    "parallel": _xargs,
    "su": _su,
    "runuser": _su,
    "ssh": _ssh,
    "watch": _watch,
    "sudo": _sudo,
    "flock": _flock,
    **dict.fromkeys(("docker", "podman", "kubectl", "oc", "nerdctl"), _container),
}
