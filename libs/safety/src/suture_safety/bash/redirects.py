"""Redirections and here-documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash import parameters, words
from suture_safety.bash.command import Redirect
from suture_safety.bash.machine import Stream
from suture_safety.bash.tree import text_of
from suture_safety.bash.unread import expand_unread
from suture_safety.bash.values import ANY, TOKEN
from suture_safety.bash.word_templates import redirection_template

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tree_sitter import Node

    from suture_safety.bash.machine import Machine

WORDS = (
    "word",
    "number",
    "string",
    "raw_string",
    "ansi_c_string",
    "concatenation",
    "simple_expansion",
    "expansion",
    "command_substitution",
    "process_substitution",
)
_BACKSLASH = re.compile(r"\\([$`\\\n])")


def spilled_words(pieces: list[Node]) -> list[Node]:
    """Words of the command that the grammar takes for further targets: ``rm -rf 2>/dev/null /``."""
    found: list[Node] = []
    starts: set[int] | None = None
    for piece in pieces:
        if redirection_template(piece.text or b"") is not None:
            continue
        if piece.type == "file_redirect":
            starts = starts or {other.start_byte for other in pieces}
            targets = [
                child for child in piece.children if child.is_named and child.type != "file_descriptor"
            ]
            # A number right before the next redirection is that one's descriptor.
            found += [target for target in targets[1:] if target.end_byte not in starts]
        elif piece.type == "heredoc_redirect":
            found += [child for child in piece.children if child.type in WORDS]
            inner = [child for child in piece.children if child.type == "file_redirect"]
            found += spilled_words(inner)
    return found


def read_redirects(machine: Machine, nodes: Iterable[Node]) -> tuple[Redirect, ...]:
    """The redirections, their targets evaluated; here-documents give those that stand on their line."""
    found: list[Redirect] = []
    for node in nodes:
        if node.type == "heredoc_redirect":
            found.extend(read_redirects(machine, [c for c in node.children if c.type == "file_redirect"]))
        elif node.type == "file_redirect":
            found.append(_read(machine, node))
    return tuple(found)


def _read(machine: Machine, node: Node) -> Redirect:
    template = redirection_template(node.text or b"")
    if template is not None:
        target = words.filled_text(machine, template.target)
        return Redirect(template.operator, template.descriptor, target, node)
    operator, descriptor, target = "", "", ""
    for child in node.children:
        if child.type == "file_descriptor":
            descriptor = text_of(child)
        elif child.type == "ERROR":
            operator += text_of(child)
        elif not child.is_named:
            operator += child.type
        elif not target:
            # In `>& /dev/null 0>&1` the grammar adds the next descriptor as a second target.
            target = words.text(machine, child)
    return Redirect(operator, descriptor, target, node)


def from_here_string(machine: Machine, node: Node) -> Stream:
    word = next((child for child in node.children if child.is_named), None)
    if word is None:
        return Stream()
    place = machine.unit.place_at(word.start_byte + (word.type in ("raw_string", "string")))
    return Stream(words.text(machine, word) + "\n", (), place)


def from_here_document(machine: Machine, node: Node) -> Stream:
    """The document's text, expanded where its delimiter is not quoted, and where it begins."""
    body = start = None
    for child in node.children:
        if child.type == "heredoc_body":
            body = child
        elif child.type == "heredoc_start":
            start = child
    if body is None or start is None:
        return Stream()
    quoted = any(mark in (start.text or b"") for mark in (b"'", b'"', b"\\"))
    content = text_of(body) if quoted else _expanded(machine, body)
    if node.children[0].type == "<<-":
        content = re.sub(r"(?m)^\t+", "", content)
    return Stream(content, (), machine.place(body))


def _expanded(machine: Machine, body: Node) -> str:
    raw, base, position, out = body.text or b"", body.start_byte, 0, []
    for child in body.children:
        if child.type not in (
            "simple_expansion",
            "expansion",
            "command_substitution",
            "arithmetic_expansion",
        ):
            continue
        if child.type == "simple_expansion" and (child.text or b"")[1:2].isspace():
            continue  # `$ $(…)` is two things, which the grammar takes for `$$`.
        out.append(_content(machine, raw[position : child.start_byte - base], body))
        if child.type == "command_substitution":
            out.append(machine.substitute(child))
        elif child.type == "arithmetic_expansion":
            machine.visit_substitutions(child)
            out.append(TOKEN)
        else:
            value = parameters.expand(machine, child)
            out.append(" ".join(value) if isinstance(value, list) else value)
        position = child.end_byte - base
    out.append(_content(machine, raw[position:], body))
    text = "".join(out)
    return text if len(text) < 200_000 else ANY


def _content(machine: Machine, raw: bytes, body: Node) -> str:
    text = raw.decode("utf-8", "replace")
    if "$(" in text or "`" in text:
        text = expand_unread(machine, text, body)
    return _BACKSLASH.sub(lambda m: "" if m[1] == "\n" else m[1], text) if "\\" in text else text
