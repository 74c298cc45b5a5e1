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
    rb"(?P<literal>\{\}(?=\s|$)|[\w./:=,@%+#*?!^\[\]-]+)"
    rb"|\\(?P<escaped>[ -z|~])"
    rb"|'(?P<single>[^']*)'"
    # A backslash stays before all but these, as does a dollar that nothing can follow.
    rb'|"(?P<double>(?:[^"`\\]|\\[^$`"\\\n])*)"'
    rb"|\$(?P<variable>[A-Za-z_]\w*|\d(?!\w))|\$\{(?P<braced>[A-Za-z_]\w*|\d)\}"
)
_VARIABLE = re.compile(rb"\$(?:([A-Za-z_]\w*|\d(?!\w))|\{([A-Za-z_]\w*|\d)\})")
_DOLLAR_OF_MORE = re.compile(rb"\$(?![ /|]|\Z)")
_BETWEEN_WORDS = re.compile(rb"(?:[ \t]|\\\n)+")
# What stands first may also be an assignment or a keyword: only what is surely a command's name.
_COMMAND_NAME = re.compile(rb"[\w./:@%+-]+(?=[ \t\\]|$)|[\"']|\$\{?\w")
_ASSIGNED = re.compile(rb"([A-Za-z_]\w*)(\+?)=")
_REDIRECTION = re.compile(rb"(\d*)(>>|>\||>&|&>>|&>|>|<)[ \t]*(?=[^<>&|()\s-])")


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


def _remembered(read: Callable[[bytes], T]) -> Callable[[bytes], T | None]:
    """Remembers what was read from short texts, which scripts repeat; long ones have no template."""
    known = lru_cache(_MAX_REMEMBERED)(read)

    @wraps(read)
    def template(source: bytes) -> T | None:
        return known(source) if len(source) <= _MAX_SOURCE else None

    return template


@_remembered
def word_template(source: bytes) -> Word | None:
    """The one word that the text is."""
    word, end = _read_word(source, 0)
    return word if end == len(source) else None


@_remembered
def command_template(source: bytes) -> tuple[Word, ...] | None:
    """The words of a command without assignments and redirections."""
    if not _COMMAND_NAME.match(source):
        return None
    words: list[Word] = []
    position = 0
    while position < len(source):
        if source[position] == ord("#"):
            return None
        word, position = _read_word(source, position)
        if word is None:
            return None
        words.append(word)
        if space := _BETWEEN_WORDS.match(source, position):
            position = space.end()
        elif position < len(source):
            return None
    return tuple(words)


@_remembered
def redirection_template(source: bytes) -> RedirectionTemplate | None:
    """A redirection to or from one word."""
    operator = _REDIRECTION.match(source)
    if operator is None:
        return None
    target = word_template(source[operator.end() :])
    if target is None:
        return None
    return RedirectionTemplate(operator[1].decode(), operator[2].decode(), target)


@_remembered
def assignment_template(source: bytes) -> AssignmentTemplate | None:
    """An assignment of one word to a whole variable."""
    assigned = _ASSIGNED.match(source)
    if assigned is None:
        return None
    rest = source[assigned.end() :]
    value = word_template(rest) if rest else ""
    if value is None:
        return None
    return AssignmentTemplate(assigned[1].decode(), bool(assigned[2]), value)


def _read_word(source: bytes, position: int) -> tuple[Word | None, int]:
    """The word that begins there, ``None`` where it has no template, and where it ends."""
    pieces: list[Piece] = []
    while part := _PART.match(source, position):
        position = part.end()
        kind, text = part.lastgroup, part[part.lastgroup or 0]
        if kind in ("literal", "escaped"):
            pieces.append(Piece(text.decode(), LITERAL))
        elif kind == "single":
            pieces.append(Piece(text.decode("utf-8", "replace"), QUOTED))
        elif kind == "double":
            quoted = _read_quoted(text)
            if quoted is None:
                return None, position
            pieces += quoted
        else:
            pieces.append(Piece(text.decode(), EXPANDED, True))
    if not pieces:
        return None, position
    if not any(piece.is_variable for piece in pieces):
        return "".join(piece.text for piece in pieces), position
    return tuple(pieces), position


def _read_quoted(text: bytes) -> list[Piece] | None:
    """The pieces of what stands between double quotes."""
    literals_and_names = _VARIABLE.split(text)
    literals, plain, braced = literals_and_names[::3], literals_and_names[1::3], literals_and_names[2::3]
    if any(map(_DOLLAR_OF_MORE.search, literals)):
        return None
    pieces = [Piece(literals[0].decode("utf-8", "replace"), QUOTED)]
    for name, in_braces, literal in zip(plain, braced, literals[1:], strict=True):
        pieces.append(Piece((name or in_braces).decode(), QUOTED, True))
        pieces.append(Piece(literal.decode("utf-8", "replace"), QUOTED))
    # An empty text is a word only where nothing else is.
    return [piece for piece in pieces if piece.text] or pieces[:1]
