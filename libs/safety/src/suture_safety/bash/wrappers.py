"""Commands that run another command: the inner one is what counts."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from suture_safety.bash.shells import SHELLS, run_code
from suture_safety.bash.values import ANY, MANY, SOME, is_known

if TYPE_CHECKING:
    from collections.abc import Callable

    from suture_safety.bash.command import Command
    from suture_safety.bash.machine import Machine
    from suture_safety.rulebook import Program

_SPLIT = re.compile(r"(?:-S|--split-string(?:=|$))(.*)", re.DOTALL)
_EXECUTING = ("-exec", "-execdir", "-ok", "-okdir")
# Clients that run their words on other machines, after so many operands.
_REMOTE = {"ssh": 1, "rsh": 1, "autossh": 1, "mosh": 1, "pdsh": 0, "clush": 0, "pssh": 0, "parallel-ssh": 0}
_VERB_WITHIN = 6


def unwrap(machine: Machine, command: Command) -> list[str] | None:
    """The words of the command inside, or ``None`` where this one is no wrapper."""
    unwrapper = _UNWRAPPERS.get(command.name)
    if unwrapper is not None:
        return unwrapper(machine, command)
    program = command.program
    if program is None:
        return _shell_among(command.arguments)
    if program.code or program.inside:
        return _code_inside(machine, command, program)
    return _after_options(command)


def _after_options(command: Command) -> list[str] | None:
    program = command.program
    if program is None or program.wraps is None:
        return None
    return _skip(command, program.wraps) or None


def _shell_among(words: list[str]) -> list[str] | None:
    """A program that nothing is known of, with a shell and its code among the words, may well run them."""
    for position, word in enumerate(words[:-1]):
        if word.rsplit("/", 1)[-1] in SHELLS and re.fullmatch(r"-\w*c", words[position + 1]):
            return words[position:]
    return None


def _code_inside(machine: Machine, command: Command, program: Program) -> list[str] | None:
    """A command behind an option or a verb of its wrapper's; one word with blanks in it is code."""
    if _given_code(machine, command, program.code):
        return None
    inner = _after_verb(command, program.inside)
    if inner is None:
        inner = _after_options(command)
    if inner and " " in inner[0]:
        run_code(machine, " ".join(inner), command, None)
        return None
    return inner or None


def _given_code(machine: Machine, command: Command, options: tuple[str, ...]) -> bool:
    """Runs the code that an option holds; what follows ``--`` are its arguments, or a command by itself."""
    if not options:
        return False
    words = command.arguments
    rest = words[words.index("--") + 1 :] if "--" in words else []
    found = [command.options[one] for one in options if command.options.get(one)]
    if code := " ".join((*found[:1], *rest)):
        run_code(machine, code, command, None)
    return bool(code)


def _after_verb(command: Command, verbs: dict[str, int]) -> list[str] | None:
    """The words after the first of these verbs, its options, and as many operands as belong to it."""
    for position, word in enumerate(command.arguments[:_VERB_WITHIN]):
        if word in verbs:
            return _skip(command, verbs[word], position + 1)
    return None


def _fed(machine: Machine, command: Command) -> list[str] | None:
    _login_shell(machine, command)
    return None


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


def _skip(command: Command, skipped: int, position: int = 0) -> list[str]:
    """The words after the wrapper's own options, assignments and first ``skipped`` operands."""
    words = command.arguments
    while position < len(words):
        word = words[position]
        if word == "--":
            position += 1
            return words[position + skipped :]
        split = _SPLIT.fullmatch(word) if command.name == "env" else None
        if split and split[1]:
            return [*_split(split[1]), *words[position + 1 :]]
        if split:
            return [*_split("".join(words[position + 1 : position + 2])), *words[position + 2 :]]
        if word in command.valued or _ends_valued(word, command.valued):
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


def _split(text: str) -> list[str]:
    """The words that ``env -S`` makes of a text: quotes and backslashes count, as in a shell."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _ends_valued(word: str, valued: frozenset[str]) -> bool:
    """Whether it is a cluster such as ``-nu`` whose last option alone takes a value, the next word."""
    if len(word) < 3 or word[0] != "-" or word[1] == "-" or not word[1:].isalpha():
        return False
    return f"-{word[-1]}" in valued and not any(f"-{letter}" in valued for letter in word[1:-1])


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
    if command.name == "parallel" and ":::" in inner:
        at = inner.index(":::")
        inner, stdin = inner[:at], "\n".join(inner[at + 1 :])
    whole = command.has("-0", "-d", "--null", "--delimiter", "-L", "-l") or "-I" in command.options
    given = [MANY] if not is_known(stdin) else [stdin.strip("\n\0")] if whole else stdin.split()
    braces = command.has("-i") or (command.name == "parallel" and any("{}" in word for word in inner))
    token = command.options.get("-I") or ("{}" if braces else None)
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


def _remote(machine: Machine, command: Command) -> list[str] | None:
    words = _skip(command, _REMOTE[command.name])
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
    **dict.fromkeys(_REMOTE, _remote),
    **dict.fromkeys(("at", "batch", "newgrp"), _fed),
    "watch": _watch,
    "sudo": _sudo,
    "flock": _flock,
    **dict.fromkeys(("docker", "podman", "kubectl", "oc", "nerdctl"), _container),
}
