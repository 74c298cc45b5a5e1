"""Words, commands and redirections whose text alone says what they are.

Most of a script is constants and plain variables: reading those from their text, once for each text, is
several times as fast as walking their nodes. Whatever holds more (substitutions, operators in ``${…}``,
escapes, braces, a tilde) has no template and is read from the tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import NamedTuple, TypeVar

QUOTED, EXPANDED, LITERAL = 0, 1, 2
"""How a piece of a word is treated: as it is, split on white space, open to brace expansion."""

_MAX_SOURCE = 400
_MAX_REMEMBERED = 4_096
_PART = re.compile(
    r"(?:(\{\}(?=\s|$)|[\w./:=,@%+#*?!^\[\]-]+)"
    r"|\\([ -z|~])"
    r"|'([^']*)'"
    # A backslash stays before all but these, as does a dollar that nothing can follow.
    r'|"((?:[^"`\\]|\\[^$`"\\\n])*)"'
    r"|\$([A-Za-z_]\w*|\d(?!\w))|\$\{([A-Za-z_]\w*|\d)\})"
    # The space after a word. A line that goes on without any goes on within the word.
    r"((?:\\\n)*[ \t](?:[ \t]|\\\n)*)?",
    re.ASCII,
)
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*|\d(?!\w))|\{([A-Za-z_]\w*|\d)\})", re.ASCII)
_DOLLAR_OF_MORE = re.compile(r"\$(?![ /|]|\Z)")
# What stands first may also be an assignment or a keyword: only what is surely a command's name.
_COMMAND_NAME = re.compile(r"[\w./:@%+-]+(?=[ \t\\]|$)|[\"']|\$\{?\w", re.ASCII)
# Nothing that the shell looks at but the space between words.
_PLAIN_COMMAND = re.compile(r"[\w./:@%+-]+(?:[ \t]+[\w./:=,@%+*?!^\[\]-]+)*", re.ASCII)
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)(\+?)=", re.ASCII)
_REDIRECTION = re.compile(r"(\d*)(>>|>\||>&|&>>|&>|>|<)[ \t]*(?=[^<>&|()\s-])", re.ASCII)


class Piece(NamedTuple):
    """``text`` is the variable's name where ``is_variable``."""

    text: str
    mode: int
    is_variable: bool = False


Word = str | tuple[Piece, ...]
"""A constant, or pieces whose variables are yet to be put in."""


class RedirectionTemplate(NamedTuple):
    descriptor: str
    operator: str
    target: Word


class AssignmentTemplate(NamedTuple):
    name: str
    appends: bool
    value: Word


T = TypeVar("T")


def _remembered(read: Callable[[str], T]) -> Callable[[bytes], T | None]:
    """Remembers what was read from short texts, which scripts repeat; long ones have no template."""

    @lru_cache(_MAX_REMEMBERED)
    def known(source: bytes) -> T:
        return read(source.decode("utf-8", "replace"))

    @wraps(read)
    def template(source: bytes) -> T | None:
        return known(source) if len(source) <= _MAX_SOURCE else None

    return template


@_remembered
def word_template(source: str) -> Word | None:
    """The one word that the text is."""
    return _whole_word(source)


@_remembered
def command_template(source: str) -> tuple[Word, ...] | None:
    """The words of a command without assignments and redirections."""
    if _PLAIN_COMMAND.fullmatch(source):
        return tuple(source.split())
    if not _COMMAND_NAME.match(source):
        return None
    words = _words(source)
    return tuple(words) if words is not None else None


@_remembered
def redirection_template(source: str) -> RedirectionTemplate | None:
    """A redirection to or from one word."""
    operator = _REDIRECTION.match(source)
    if operator is None:
        return None
    target = _whole_word(source[operator.end() :])
    if target is None:
        return None
    return RedirectionTemplate(operator[1], operator[2], target)


@_remembered
def assignment_template(source: str) -> AssignmentTemplate | None:
    """An assignment of one word to a whole variable."""
    assigned = _ASSIGNED.match(source)
    if assigned is None:
        return None
    rest = source[assigned.end() :]
    value = _whole_word(rest) if rest else ""
    if value is None:
        return None
    return AssignmentTemplate(assigned[1], bool(assigned[2]), value)


def _whole_word(source: str) -> Word | None:
    words = _words(source)
    return words[0] if words and len(words) == 1 and source[-1] not in " \t\n" else None


def _words(source: str) -> list[Word] | None:
    """All words of the text, ``None`` where one has no template."""
    words: list[Word] = []
    pieces: list[Piece] = []
    position, end = 0, len(source)
    while position < end:
        part = _PART.match(source, position)
        if part is None or (not pieces and source[position] == "#"):
            return None
        position = part.end()
        literal, escaped, single, double, variable, braced, blank = part.groups()
        if literal is not None:
            pieces.append(Piece(literal, LITERAL))
        elif double is not None:
            quoted = _read_quoted(double) if "$" in double else (Piece(double, QUOTED),)
            if quoted is None:
                return None
            pieces += quoted
        elif single is not None:
            pieces.append(Piece(single, QUOTED))
        elif escaped is not None:
            pieces.append(Piece(escaped, LITERAL))
        else:
            pieces.append(Piece(variable or braced, EXPANDED, True))
        if blank or position == end:
            words.append(_word(pieces))
            pieces = []
    return words


def _word(pieces: list[Piece]) -> Word:
    for piece in pieces:
        if piece.is_variable:
            return tuple(pieces)
    return pieces[0].text if len(pieces) == 1 else "".join([piece.text for piece in pieces])


def _read_quoted(text: str) -> list[Piece] | None:
    """The pieces of what stands between double quotes."""
    literals_and_names = _VARIABLE.split(text)
    literals, plain, braced = literals_and_names[::3], literals_and_names[1::3], literals_and_names[2::3]
    if any(map(_DOLLAR_OF_MORE.search, literals)):
        return None
    pieces = [Piece(literals[0], QUOTED)]
    for name, in_braces, literal in zip(plain, braced, literals[1:], strict=True):
        pieces.append(Piece(name or in_braces, QUOTED, True))
        pieces.append(Piece(literal, QUOTED))
    # An empty text is a word only where nothing else is.
    return [piece for piece in pieces if piece.text] or pieces[:1]
