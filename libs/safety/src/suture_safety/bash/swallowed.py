"""Line ends that the grammar does not see, and those that it sees where there are none.

It takes a line that begins with a backslash (``\\rm -rf /``), and one that follows a pipeline of several
stages and goes on with ``&&`` or ``||``, for more words of the command before. bash does not: there a command
ends. And it ends a word at a backslash before a line's end, which bash takes away before it looks for words.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_BLANK = re.compile(rb"(?:\s|\\\n)*")
_BACKQUOTE = re.compile(rb"(?<!\\)`")
_ANSI_C_STRING = re.compile(rb"\$'(?:[^'\\]|\\.)*'", re.DOTALL)
_LINE_END = re.compile(rb"(?<!\\)\n")
_WITHIN_A_WORD = re.compile(rb"(?<=[^\s\\])(?:\\\n(?:[^\s\\]|\\[^\n])+)+")
_CONTINUATION = b"\\\n"
# Within these a backslash before a line's end is text, or is read as bash reads it.
_AS_IT_STANDS = ("comment", "string", "raw_string", "ansi_c_string", "heredoc_body")
# Between the parts of these no line ends, but for one that a backslash takes away.
_OF_ONE_LINE = ("command", "declaration_command", "unset_command", "file_redirect", "redirected_statement")


def separated(source: bytes, root: Node) -> bytes | None:
    """The source with such line ends as ``;``, ``None`` when there is none.

    The first of each command alone: what comes after it may then be read in another way.
    """
    mended = bytearray(source)
    reach = 0
    for node in _on_one_line(source, root):
        first = _first_end(node, source) if node.start_byte >= reach else None
        if first is not None:
            left, right, ends = first
            if right.type == "comment":
                ends = ends[:1]
            elif left.type == "comment":
                mended[left.start_byte : left.end_byte] = b" " * (left.end_byte - left.start_byte)
            for end in ends:
                mended[end] = ord(" ")
            mended[ends[-1]] = ord(";")
            reach = node.end_byte
    return bytes(mended) if reach else None


def joined(source: bytes, root: Node) -> bytes | None:
    """The source with each word that goes on in the next line whole, ``None`` when there is none.

    Blanks then follow the word: all that comes after it stays where it is.
    """
    if _CONTINUATION not in source:
        return None
    mended = bytearray(source)
    for found in _WITHIN_A_WORD.finditer(source):
        if _is_code(root.descendant_for_byte_range(found.start(), found.start() + 1)):
            word = found.group().replace(_CONTINUATION, b"")
            mended[found.start() : found.end()] = word.ljust(len(found.group()))
    return bytes(mended) if mended != source else None


def _is_code(node: Node | None) -> bool:
    while node is not None and node.type not in _AS_IT_STANDS:
        if node.type == "command_substitution":
            return True
        node = node.parent
    return node is None


def misread_backquotes(root: Node) -> Node | None:
    """A substitution in backquotes that holds another, which bash has with backslashes alone."""
    for node in _nodes(root, "command_substitution"):
        source = node.text or b""
        if source.startswith(b"`") and _BACKQUOTE.search(source, 1, len(source) - 1):
            return node
    return None


def misread_quote(root: Node) -> Node | None:
    """A ``$'…'`` whose end the grammar misses: it takes the quote in ``\\\\'`` for an escaped one."""
    strings = _nodes(root, "ansi_c_string")
    return next((node for node in strings if not _ANSI_C_STRING.fullmatch(node.text or b"")), None)


def _nodes(root: Node, kind: str) -> Iterator[Node]:
    """All nodes of a kind, in the order of the text."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type == kind:
            yield node
        waiting += reversed(node.children)


def _on_one_line(source: bytes, root: Node) -> list[Node]:
    """The nodes that should be, but are not, on one line: the outer before the inner."""
    found: dict[int, Node] = {}
    for end in _LINE_END.finditer(source):
        # The smallest node around a line's end is the one between whose parts it stands, or the next part.
        node = root.descendant_for_byte_range(end.start(), end.end())
        while node is not None and not source[node.start_byte : end.start()].strip():
            node = node.parent
        if node is not None and node.type in _OF_ONE_LINE:
            found[node.id] = node
    return sorted(found.values(), key=lambda node: (node.start_byte, -node.end_byte))


def _first_end(node: Node, source: bytes) -> tuple[Node, Node, list[int]] | None:
    """The first place within the node where lines end, and these ends."""
    for left, right in pairwise(node.children):
        blank = _BLANK.match(source, left.end_byte)
        end = blank.end() if blank and left.type != "heredoc_redirect" else left.end_byte
        if ends := [one.start() for one in _LINE_END.finditer(source, left.end_byte, end)]:
            return left, right, ends
    return None
