"""Parsing, and where a node of a (maybe nested) text really is."""

from __future__ import annotations

import re
import time
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import tree_sitter
import tree_sitter_bash

from suture_safety.bash.here_documents import set_apart
from suture_safety.bash.swallowed import joined, separated
from suture_safety.bounds import BoundExceeded

if TYPE_CHECKING:
    from suture_safety.bounds import Budget

_QUICK_BYTES = 8_000
_MAX_MENDED = 30
_EXPANSIONS = ("command_substitution", "arithmetic_expansion")
_NEWLINE = re.compile(rb"\n")
_QUOTED_IN_EXPANSION = re.compile(rb"(?<=[/#%,^-])\$'(?:[^'\\]|\\.)*'")


@cache
def _parser() -> tree_sitter.Parser:
    # One parser a process: making one costs more than parsing a script.
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def read(
    text: str, budget: Budget, place: tuple[int, int] = (1, 1), exact: bool = True
) -> tuple[Unit, tree_sitter.Node]:
    """The unit and its tree's root. Raises ``BoundExceeded`` when parsing takes longer than there is time."""
    source = text.encode("utf-8", "replace")
    root = _parse(source, budget)
    if b"\n" in source:
        root = _as_bash_reads(source, root, budget)
    return Unit(source, *place, exact=exact), root


def _as_bash_reads(source: bytes, root: tree_sitter.Node, budget: Budget) -> tree_sitter.Node:
    """The tree in which each word and each command ends where bash ends it; every offset is the source's."""
    apart = set_apart(source) if b"<<" in source else source
    if apart != source:
        source, root = apart, _parse(apart, budget)
    whole = joined(source, root)
    if whole is not None:
        source, root = whole, _parse(whole, budget)
    for _ in range(_MAX_MENDED):
        budget.check()
        mended = separated(source, root)
        if mended is None:
            return root
        source, root = mended, _parse(mended, budget)
    raise BoundExceeded("bounds.steps", "has lines of which it cannot be told where their commands end")


def _parse(source: bytes, budget: Budget) -> tree_sitter.Node:
    if len(source) > _QUICK_BYTES:
        started = time.thread_time()
        _parse_in_time(source, budget.deadline)
        # The parse that counts takes as long again.
        if 2 * time.thread_time() - started > budget.deadline:
            raise BoundExceeded("bounds.time", "takes longer to parse than there is time")
    root = _parser().parse(source).root_node
    if root.has_error and b"$'" in source:
        # The grammar knows no $'…' within ${…}: its value is left unknown, and every place stays.
        root = _parser().parse(_QUOTED_IN_EXPANSION.sub(_unknown, source)).root_node
    return root


def _unknown(quoted: re.Match[bytes]) -> bytes:
    return (b"$!" * len(quoted.group()))[: len(quoted.group()) & ~1].ljust(len(quoted.group()), b"_")


def _parse_in_time(source: bytes, deadline: float) -> None:
    """Some texts take time that grows with the square of their length: only so it can be stopped.

    Its tree is thrown away: reading texts from it is eight times as slow as from one of plain bytes.
    """

    def read(offset: int, point: object) -> bytes | None:
        return source[offset : offset + 65_536] or None

    def late(offset: int, has_error: bool) -> bool:
        return time.thread_time() > deadline

    try:
        _parser().parse(read, progress_callback=late)
    except ValueError as error:
        _parser().reset()
        raise BoundExceeded("bounds.time", "takes longer to parse than there is time") from error


def parses_as_one(text: str, budget: Budget) -> bool:
    """Whether a text is one whole expansion and nothing else."""
    source = text.encode("utf-8", "replace")
    root = _parse(b": " + source, budget)
    if root.has_error or root.child_count != 1 or root.children[0].type != "command":
        return False
    last = root.children[0].children[-1]
    return (last.start_byte, last.end_byte) == (2, len(source) + 2) and last.type in _EXPANSIONS


def text_of(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Unit:
    """One parsed text: the script, or code nested in it.

    ``line`` and ``column`` (from 1) are where its first character is; ``exact`` is false when the nested
    text is not the source's own characters: then every finding is placed there. Places are counted in
    ``source``, which may have line ends that are none to the parser.
    """

    source: bytes
    line: int = 1
    column: int = 1
    exact: bool = True
    _line_starts: list[int] = field(default_factory=list, compare=False)

    def place(self, node: tree_sitter.Node) -> tuple[int, int]:
        """Line and column of a node, from 1, the column in characters."""
        return self.place_at(node.start_byte)

    def place_at(self, offset: int) -> tuple[int, int]:
        """Line and column of the character that begins there."""
        if not self.exact:
            return self.line, self.column
        starts = self._line_starts
        if not starts:
            starts += (0, *(newline.end() for newline in _NEWLINE.finditer(self.source)))
        row = bisect_right(starts, offset) - 1
        column = offset - starts[row]
        if column:
            prefix = self.source[offset - column : offset]
            if not prefix.isascii():
                column = len(prefix.decode("utf-8", "replace"))
        return (self.line + row, column + 1) if row else (self.line, self.column + column)


def first_error(root: tree_sitter.Node) -> tree_sitter.Node | None:
    """The first place that the grammar does not take; ``<>`` is bash that the grammar does not know."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_missing or (node.type == "ERROR" and not _reads_and_writes(node)):
            return node
        stack.extend(child for child in reversed(node.children) if child.has_error)
    return None


def _reads_and_writes(node: tree_sitter.Node) -> bool:
    parent = node.parent
    return parent is not None and parent.type == "file_redirect" and node.text == b">"
