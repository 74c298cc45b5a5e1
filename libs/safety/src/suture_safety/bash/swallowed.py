"""Line ends that the grammar does not see.

It takes a line that begins with a backslash (``\\rm -rf /``), and one that follows a pipeline of several
stages and goes on with ``&&`` or ``||``, for more words of the command before. bash does not: there a command
ends.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import tree_sitter
import tree_sitter_bash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_BLANK = re.compile(rb"(?:\s|\\\n)*")
_BACKQUOTE = re.compile(rb"(?<!\\)`")
_LINE_END = re.compile(rb"(?<!\\)\n")
# Between the parts of these no line ends, but for one that a backslash takes away.
_ON_ONE_LINE = frozenset(
    ("command", "declaration_command", "unset_command", "file_redirect", "redirected_statement")
)


def may_be_swallowed(source: bytes) -> bool:
    """Whether it is worth a look: in most texts nothing of the kind can be."""
    piped = source.count(b"|") > 1 and b"\n" in source and (b"&&" in source or b"||" in source)
    return piped or b"\n\\" in source


def separated(source: bytes, root: Node) -> tuple[bytes, list[int]]:
    """The source with each such line end as ``;``, and where these were; as it is when there is none."""
    mended = bytearray(source)
    joined: list[int] = []
    for left, ends in _on_one_line(root, source):
        if left.type == "comment":
            mended[left.start_byte : left.end_byte] = b" " * (left.end_byte - left.start_byte)
        for end in ends:
            mended[end] = ord(" ")
        mended[ends[-1]] = ord(";")
        joined += ends
    return bytes(mended), joined


def misread_backquotes(root: Node) -> Node | None:
    """A substitution in backquotes that holds another, which bash has with backslashes alone."""
    for _, found in tree_sitter.QueryCursor(_substitutions()).matches(root):
        for node in found["it"]:
            source = node.text or b""
            if source.startswith(b"`") and _BACKQUOTE.search(source, 1, len(source) - 1):
                return node
    return None


def _on_one_line(root: Node, source: bytes) -> Iterator[tuple[Node, list[int]]]:
    """What a command ends with, and the line ends after it, where the grammar reads on."""
    stack = [root]
    while stack:
        node = stack.pop()
        children = node.children
        stack.extend(child for child in children if child.child_count)
        if node.type in _ON_ONE_LINE and node.start_point.row != node.end_point.row:
            for left in children[:-1]:
                blank = _BLANK.match(source, left.end_byte)
                end = blank.end() if blank and left.type != "heredoc_redirect" else left.end_byte
                if ends := [one.start() for one in _LINE_END.finditer(source, left.end_byte, end)]:
                    yield left, ends
                    # What follows is not of this command: it is read anew, with its own keywords.
                    break


@cache
def _substitutions() -> tree_sitter.Query:
    language = tree_sitter.Language(tree_sitter_bash.language())
    return tree_sitter.Query(language, "(command_substitution) @it")
