"""What commands print, where it can be told: ``echo``, ``printf``, ``cat``, decoders on constants."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from suture_safety.bash.decoders import DECODERS
from suture_safety.bash.machine import Stream
from suture_safety.bash.settings import judge_written
from suture_safety.bash.values import ANY, SOME, TOKEN, bounded, is_known, unescape

if TYPE_CHECKING:
    from suture_safety.bash.command import Command
    from suture_safety.bash.machine import Machine

_TOKENS = frozenset(
    """
    date nproc wc id uname hostname whoami logname arch tty uuidgen lsb_release
    """.split()  # noqa: SIM905 - as a list it fills the page
)
# What most other programs print is never told: unless they are fed, they need no closer look.
_PRINTERS = _TOKENS | {
    "echo",
    "printf",
    "cat",
    "mktemp",
    "dirname",
    "basename",
    "realpath",
    "readlink",
    "pwd",
}
_UNTOLD = Stream()
_FORMAT = re.compile(r"%[-+ #0]*[\d.*]*([a-zA-Z%])")


def printed(machine: Machine, command: Command) -> Stream:
    """What a command writes to its standard output, ``ANY`` where that is not known."""
    name, stdin = command.name, command.stdin
    if stdin is None and name not in _PRINTERS:
        return _UNTOLD
    sources = stdin.sources if stdin else ()
    if name == "echo":
        return Stream(_echo(command), sources)
    if name == "printf":
        return Stream(formatted(command.arguments), sources)
    if name == "cat":
        return _cat(machine, command, sources)
    if name == "mktemp":
        return Stream(_mktemp(command))
    if name in _TOKENS:
        return Stream(TOKEN)
    if name in ("dirname", "basename", "realpath", "readlink") and command.operands:
        return Stream(_path_part(name, command.operands[-1 if name != "basename" else 0]))
    if name == "pwd":
        return Stream(machine.cwd or SOME)
    if name == "tee" and stdin is not None:
        machine.files.update(dict.fromkeys(command.paths, stdin))
        for path in command.paths:
            judge_written(machine, path, stdin.text, stdin.place or command.place)
    decoder = DECODERS.get(name)
    if decoder is not None and stdin is not None and is_known(stdin.text):
        decoded = decoder(command, stdin.text)
        return Stream(ANY if decoded is None else bounded(decoded), sources)
    return Stream(ANY, sources)


def _echo(command: Command) -> str:
    words = list(command.arguments)
    flags = ""
    while words and words[0][:1] == "-" and re.fullmatch(r"-[neE]+", words[0]):
        flags += words.pop(0)[1:]
    text = " ".join(words)
    return (unescape(text) if "e" in flags else text) + ("" if "n" in flags else "\n")


def formatted(words: list[str]) -> str:
    """What ``printf`` makes of its words."""
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        return ""
    pattern, values = unescape(words[0]), words[1:]
    out: list[str] = []
    for _ in range(100):
        remaining = iter(values)
        used = 0

        def fill(match: re.Match[str]) -> str:
            nonlocal used
            if match[1] == "%":
                return "%"
            used += 1
            value = next(remaining, "")  # noqa: B023 - called within this round
            if match[1] in "sbq":
                return unescape(value) if match[1] == "b" else value
            return value if value.isdigit() and match[1] == "d" else TOKEN

        out.append(_FORMAT.sub(fill, pattern))
        values = list(remaining)
        if not used or not values:
            break
    return bounded("".join(out))


def _cat(machine: Machine, command: Command, sources: tuple[str, ...]) -> Stream:
    if not command.operands or command.operands == ["-"]:
        stdin = command.stdin
        return Stream(stdin.text, stdin.sources, stdin.place) if stdin else Stream(ANY)
    texts = []
    for path in command.operands:
        known = machine.files.get(path) or machine.process_sources.get(path)
        texts.append(known.text if known else ANY)
        sources = (*sources, *(known.sources if known else ()))
    return Stream(bounded("".join(texts)), sources)


def _mktemp(command: Command) -> str:
    folder = command.options.get("-p") or command.options.get("--tmpdir") or "/tmp"  # noqa: S108 - what mktemp itself does
    template = command.operands[-1] if command.operands else ""
    if template.startswith("/"):
        return template.rstrip("X") + TOKEN
    return f"{folder}/{template.rstrip('X')}{TOKEN}"


def _path_part(name: str, path: str) -> str:
    if name in ("realpath", "readlink"):
        return path if path.startswith("/") else SOME
    if not is_known(path):
        return posixpath.dirname(path) or SOME if name == "dirname" and path.startswith("/") else SOME
    return (posixpath.dirname(path) or ".") if name == "dirname" else posixpath.basename(path.rstrip("/"))
