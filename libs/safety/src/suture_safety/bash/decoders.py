"""What programs that turn one text into another make of a constant."""

from __future__ import annotations

import base64
import binascii
import getopt
import re
from typing import TYPE_CHECKING

from suture_safety.bash.values import unescape

if TYPE_CHECKING:
    from collections.abc import Callable

    from suture_safety.bash.command import Command

_MOST = 100_000
_OF_CUT = ["bytes=", "characters=", "delimiter=", "fields="]
# Only texts without a character that has a meaning in a pattern.
_SUBSTITUTED = re.compile(
    r"s([/|#,@!%])((?:\\[/|#,@!%.]|(?!\1)[^\\.*\[\]^$+?(){}])+)\1((?:\\[/|#,@!%.&]|(?!\1)[^\\&])*)\1(g?)"
)


def _base64(command: Command, text: str) -> str | None:
    if not command.has("-d", "-D", "--decode", "-di", "--d"):
        return base64.b64encode(text.encode()).decode() + "\n"
    try:
        return base64.b64decode("".join(text.split()) + "==").decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None


def _base32(command: Command, text: str) -> str | None:
    try:
        return base64.b32decode("".join(text.split())).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None


def _xxd(command: Command, text: str) -> str | None:
    if not command.has("-r"):
        return None
    try:
        return bytes.fromhex("".join(text.split())).decode("utf-8", "replace")
    except ValueError:
        return None


def _rev(command: Command, text: str) -> str:
    return "\n".join(line[::-1] for line in text.split("\n"))


def _tr(command: Command, text: str) -> str | None:
    sets = [_tr_set(unescape(word)) for word in command.operands]
    if not sets or any(one is None for one in sets):
        return None
    first = sets[0] or ""
    if command.has("-d"):
        return "".join(character for character in text if character not in first)
    if len(sets) != 2 or not sets[1] or command.has("-c", "-C"):
        return None
    second = sets[1].ljust(len(first), sets[1][-1])
    return text.translate(str.maketrans(first, second[: len(first)]))


def _tr_set(text: str) -> str | None:
    if len(text) > 200 or "[:" in text:
        return None
    return re.sub(
        r"(.)-(.)",
        lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))) if ord(m[2]) - ord(m[1]) < 256 else m[0],
        text,
    )


def _cut(command: Command, text: str) -> str | None:
    try:
        given, files = getopt.gnu_getopt(command.arguments, "b:c:d:f:s", _OF_CUT)
    except getopt.GetoptError:
        return None
    options = {name.lstrip("-")[0]: value for name, value in given}
    kinds = [kind for kind in "bcf" if kind in options]
    ranges = _ranges(options[kinds[0]]) if len(kinds) == 1 else None
    if ranges is None or (files and files != ["-"]):
        return None
    between = options.get("d", "\t") if kinds == ["f"] else ""
    cut = []
    for line in text.rstrip("\n").split("\n"):
        parts = line.split(between) if between else list(line)
        kept = [part for at, part in enumerate(parts, 1) if any(low <= at <= high for low, high in ranges)]
        cut.append(line if between and len(parts) == 1 else between.join(kept))
    return "\n".join(cut) + "\n"


def _ranges(listed: str) -> list[tuple[int, int]] | None:
    """``2-,5`` → ``[(2, most), (5, 5)]``."""
    found = []
    for one in listed.split(","):
        match = re.fullmatch(r"(\d{0,5})(-?)(\d{0,5})", one)
        if not match or not one.strip("-"):
            return None
        low = int(match[1] or 1)
        found.append((low, int(match[3] or _MOST) if match[2] else low))
    return found


def _sed(command: Command, text: str) -> str | None:
    """Substitutions of plain texts, one after the other: what hides a command needs no more."""
    scripts = [word for word in command.arguments if word not in ("-e", "-E", "-r")]
    if any(word.startswith("-") for word in scripts) or (len(scripts) > 1 and "-e" not in command.arguments):
        return None
    for script in (part for word in scripts for part in word.split(";")):
        match = _SUBSTITUTED.fullmatch(script.strip())
        if match is None:
            return None
        _, old, new, flags = match.groups()
        count = 0 if "g" in flags else 1
        old, new = re.escape(_plain(old)), _plain(new)
        lines = text.split("\n")
        text = "\n".join(re.sub(old, lambda _: new, line, count=count) for line in lines)  # noqa: B023 - used at once
    return text


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


DECODERS: dict[str, Callable[[Command, str], str | None]] = {
    "base64": _base64,
    "base32": _base32,
    "xxd": _xxd,
    "rev": _rev,
    "tac": lambda command, text: "\n".join([*reversed(text.rstrip("\n").split("\n")), ""]),
    "cut": _cut,
    "sed": _sed,
    "tr": _tr,
    "tee": lambda command, text: text,
    "head": lambda command, text: text if text.count("\n") <= 1 else None,
}
