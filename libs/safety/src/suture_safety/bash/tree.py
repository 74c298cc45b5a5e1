"""Parsing, and where a node of a (maybe nested) text really is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import tree_sitter
import tree_sitter_bash


@cache
def _parser() -> tree_sitter.Parser:
    # One parser a process: making one costs more than parsing a script.
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


def parse(source: bytes) -> tree_sitter.Node:
    return _parser().parse(source).root_node


def text_of(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Unit:
    """One parsed text: the script, or code nested in it.

    ``line`` and ``column`` (from 1) are where its first character is; ``exact`` is false when the nested
    text is not the source's own characters: then every finding is placed there.
    """

    source: bytes
    line: int = 1
    column: int = 1
    exact: bool = True

    def place(self, node: tree_sitter.Node) -> tuple[int, int]:
        """Line and column of a node, from 1, the column in characters."""
        row, column = node.start_point
        return self.place_at(row, column, node.start_byte)

    def place_at(self, row: int, column: int, start_byte: int) -> tuple[int, int]:
        if not self.exact:
            return self.line, self.column
        if column:
            prefix = self.source[start_byte - column : start_byte]
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


def too_deep(root: tree_sitter.Node, limit: int) -> bool:
    """Whether the tree is deeper than ``limit``; never recurses."""
    level = [root]
    for _ in range(limit):
        level = [child for node in level for child in node.children]
        if not level:
            return False
    return True
