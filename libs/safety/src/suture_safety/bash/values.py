"""Abstract strings: ordinary text in which private-use characters stand for what is not known.

So every matcher is an ordinary regular expression, and constant text costs nothing extra.
"""

from __future__ import annotations

import posixpath
import re
from itertools import pairwise

ANY = "\ue000"
"""Any text, the empty one included."""
SOME = "\ue001"
"""Any text but the empty one."""
TOKEN = "\ue002"  # noqa: S105 - no secret  # noqa: S105 - no secret
"""A word without slash, white space or leading dash: a number, a date, a host or user name."""
MANY = "\ue003"
"""Any number of words."""

UNKNOWN = re.compile("[\ue000-\ue003]")
_EMPTYABLE = re.compile("[\ue000\ue003]")
_ESCAPES = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "?": "?",
}
_ESCAPE = re.compile(
    r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|0?[0-7]{1,3}|c.|.)", re.DOTALL
)
_MAX_TEXT = 20_000
_MAX_BRACES = 64


def is_known(text: str) -> bool:
    return text.isascii() or UNKNOWN.search(text) is None


def bounded(text: str) -> str:
    """The text, or ``ANY`` where it has grown beyond what is worth following."""
    return text if len(text) <= _MAX_TEXT else ANY


def shown(text: str) -> str:
    """The text for a message: an ellipsis where it is not known."""
    text = UNKNOWN.sub("…", text)
    return text if len(text) <= 80 else text[:77] + "…"


def emptied(text: str) -> str:
    """The text as it is when everything that may be empty is."""
    return _EMPTYABLE.sub("", text)


def may_be_empty(text: str) -> bool:
    return not emptied(text)


def unescape(text: str) -> str:
    """Decodes the backslashes of ``$'…'``, ``echo -e`` and ``printf``."""

    def decode(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] in "xuU" and len(code) > 1:
            number = int(code[1:], 16)
            return chr(number) if number < 0xD800 or 0xE004 <= number < 0x110000 else SOME
        if code[0] in "01234567":
            return chr(int(code, 8) & 0xFF)
        if code[0] == "c" and len(code) == 2:
            return chr(ord(code[1].upper()) & 0x1F)
        return _ESCAPES.get(code, "\\" + code)

    return _ESCAPE.sub(decode, text) if "\\" in text else text


def expand_braces(text: str, depth: int = 0) -> list[str]:
    """``a{b,c}`` → ``[ab, ac]``; at most 64 words, ``[ANY]`` beyond."""
    start = text.find("{") if "," in text or ".." in text else -1
    while start != -1:
        end, commas = _brace_end(text, start)
        if end == -1:
            break
        inner = text[start + 1 : end]
        options = _options(inner, start, commas)
        if options and not text[:start].endswith("$"):
            if depth > 6:
                return [ANY]
            rest = expand_braces(text[end + 1 :], depth + 1)
            heads = [head for option in options for head in expand_braces(option, depth + 1)]
            if len(heads) * len(rest) > _MAX_BRACES:
                return [ANY]
            return [text[:start] + head + tail for head in heads for tail in rest]
        start = text.find("{", start + 1)
    return [text]


def _brace_end(text: str, start: int) -> tuple[int, list[int]]:
    level = 0
    commas: list[int] = []
    for index in range(start, min(len(text), start + 2_000)):
        character = text[index]
        if character == "{":
            level += 1
        elif character == "}":
            level -= 1
            if level == 0:
                return index, commas
        elif character == "," and level == 1:
            commas.append(index)
    return -1, []


def _options(inner: str, start: int, commas: list[int]) -> list[str]:
    if commas:
        cuts = [-1, *(comma - start - 1 for comma in commas), len(inner)]
        return [inner[left + 1 : right] for left, right in pairwise(cuts)]
    sequence = re.fullmatch(r"(-?\d{1,6}|[a-zA-Z])\.\.(-?\d{1,6}|[a-zA-Z])", inner)
    if not sequence:
        return []
    first, last = sequence.groups()
    if first.lstrip("-").isdigit() != last.lstrip("-").isdigit():
        return []
    numbers = first.lstrip("-").isdigit()
    low, high = (int(first), int(last)) if numbers else (ord(first), ord(last))
    if abs(high - low) >= _MAX_BRACES:
        return [TOKEN]
    step = 1 if high >= low else -1
    return [str(n) if numbers else chr(n) for n in range(low, high + step, step)]


def normal_path(path: str, cwd: str | None = None) -> str:
    """The path without ``//``, ``/./`` and ``/../``; joined to the working directory where that is known."""
    if cwd is not None and not path.startswith("/") and path and path[0] not in "\ue000\ue001\ue003~-":
        path = f"{cwd}/{path}"
    if "//" not in path and "/." not in path and not path.startswith("."):
        return path
    trailing = "/" if path.endswith("/") and path.strip("/") else ""
    normal = posixpath.normpath(path)
    return (normal[1:] if normal.startswith("//") else normal) + ("" if normal == "/" else trailing)
