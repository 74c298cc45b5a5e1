"""Here-documents that the grammar ends somewhere else than bash does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

_OPERATOR = re.compile(rb"(?<!<)<<-?(?!<)")
_DELIMITER = rb"<<-?[ \t]*(?:'[^'\n]*'|\"[^\"\n]*\"|\\?[\w.-]+)"
_AT_LINE_END = re.compile(rb"(" + _DELIMITER + rb");([ \t]*)(?=\n)")
_BEFORE_SEMICOLON = re.compile(rb"(?<=[^\s\d<])[ \t](" + _DELIMITER + rb");[ \t]")
_BEFORE_OPERATOR = re.compile(rb"(?<=[^\s\d<])[ \t](" + _DELIMITER + rb")(?=[;&|<>)])")
_NO_DELIMITER = re.compile(rb"[;&|()<>\s]")
_QUOTES = re.compile(rb"['\"\\]")


def set_apart(source: bytes) -> bytes:
    """The source with a blank between each delimiter and the operator after it; other offsets stay.

    The grammar takes the operator for a part of the delimiter, and a semicolon not even then.
    """
    source = _AT_LINE_END.sub(rb"\1 \2", source)
    source = _BEFORE_SEMICOLON.sub(rb"\1 &&", source)
    return _BEFORE_OPERATOR.sub(rb"\1 ", source)


def misread_document(source: bytes, root: Node) -> Node | None:
    """The operator of a here-document that does not end where its delimiter stands alone on a line."""
    for found in _OPERATOR.finditer(source):
        operator = root.descendant_for_byte_range(found.start(), found.end())
        document = operator.parent if operator is not None else None
        if operator is None or document is None or document.type != "heredoc_redirect":
            continue
        if not _ends_at_its_delimiter(document, operator.type == "<<-"):
            return operator
    return None


def _ends_at_its_delimiter(document: Node, indented: bool) -> bool:
    parts = {child.type: child.text or b"" for child in document.children}
    start = parts.get("heredoc_start", b"")
    delimiter = _QUOTES.sub(b"", start)
    quoted = delimiter != start
    if not delimiter or (not quoted and _NO_DELIMITER.search(start)):
        return False
    lines = _lines(parts.get("heredoc_body", b""), indented)
    return parts.get("heredoc_end", b"").strip() == delimiter and delimiter not in lines


def _lines(body: bytes, indented: bool) -> Iterator[bytes]:
    for line in body.split(b"\n"):
        yield line.lstrip(b"\t") if indented else line
