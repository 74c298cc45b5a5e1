"""One simple command: its words and redirections evaluated, for each round of values that they use."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from suture_safety.bash import words
from suture_safety.bash.assignments import assign
from suture_safety.bash.execution import execute
from suture_safety.bash.machine import Stream
from suture_safety.bash.redirects import from_here_document, from_here_string, read_redirects, spilled_words
from suture_safety.bash.tree import text_of
from suture_safety.bash.values import ANY, normal_path
from suture_safety.bash.word_templates import command_template

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tree_sitter import Node

    from suture_safety.bash.command import Redirect
    from suture_safety.bash.machine import Machine
    from suture_safety.bash.word_templates import Word


def run_command(machine: Machine, node: Node, stdin: Stream | None, pieces: Iterable[Node]) -> Stream:
    """Runs a ``command`` node; ``pieces`` are the redirections that stand around it."""
    redirected = list(pieces)
    template = command_template(node.text or b"")
    if template is None or (redirected and _spills(node, redirected)):
        return _run_tree(machine, node, stdin, redirected)
    if not redirected:
        streams = machine.each_round(
            lambda: _filled(machine, template),
            lambda found: execute(machine, found, None, node, (), stdin),
        )
        return _one_of(streams)
    streams = machine.each_round(
        lambda: (_filled(machine, template), read_redirects(machine, redirected)),
        lambda found: execute(machine, found[0], None, node, found[1], _from_file(machine, found[1], stdin)),
    )
    return _one_of(streams)


def _filled(machine: Machine, template: tuple[Word, ...]) -> list[str]:
    found: list[str] = []
    for word in template:
        if isinstance(word, str):
            found.append(word)
        else:
            found += words.filled(machine, word)
    return found


def _spills(node: Node, redirected: list[Node]) -> bool:
    """Whether words of the command stand among its redirections."""
    return bool(_lost_words(node, redirected) or spilled_words(redirected))


def _run_tree(machine: Machine, node: Node, stdin: Stream | None, redirected: list[Node]) -> Stream:
    """Runs a command that its text alone does not tell."""
    parts: list[Node] = []
    lost = _lost_words(node, redirected)
    assigns: list[str] = []
    before = None
    for child in node.children:
        kind = child.type
        if kind == "command_name":
            parts.extend(child.children)
        elif kind == "variable_assignment":
            before = before or machine.scope()
            assigns.append(assign(machine, child) or "")
        elif kind == "herestring_redirect":
            stdin = from_here_string(machine, child)
        elif kind == "heredoc_redirect":
            stdin = from_here_document(machine, child)
            redirected.append(child)
        elif kind == "file_redirect":
            redirected.append(child)
        elif kind == "subshell":
            # The grammar takes what follows a word in parentheses for an argument; bash does not.
            machine.broken(child, "a parenthesis follows a word")
        elif kind != "comment":
            parts.append(child)
    if redirected:
        parts.extend(spilled_words(redirected))
    if b"$" in (node.text or b"") and _misread(parts):
        fixed = re.sub(r"\$(\w+)", r"${\1}", text_of(node)).replace('$"', '"')
        return machine.run_text(fixed, machine.place(node), exact=False, stdin=stdin)
    stream = _run_words(machine, node, parts, lost, redirected, stdin, tuple(assigns))
    if before is not None:
        machine.restore(before)
    return stream


def _lost_words(node: Node, pieces: list[Node]) -> list[str]:
    """Words that are in no node: the grammar loses a dash right before ``<<``."""
    if not pieces or pieces[0].start_byte - node.end_byte <= 1 or node.parent is None:
        return []
    start, text = node.parent.start_byte, node.parent.text or b""
    return text[node.end_byte - start : pieces[0].start_byte - start].decode("utf-8", "replace").split()


def _misread(parts: list[Node]) -> bool:
    """The grammar splits ``a$X/b`` after some ``$``: two words without white space between them."""
    return any(
        left.end_byte == right.start_byte and (left.text or b"").endswith(b"$")
        for left, right in pairwise(parts)
    )


def _run_words(
    machine: Machine,
    node: Node,
    parts: list[Node],
    lost: list[str],
    redirected: list[Node],
    stdin: Stream | None,
    assigns: tuple[str, ...],
) -> Stream:
    nodes: list[Node] = []

    def evaluate() -> tuple[list[str], tuple[Redirect, ...]]:
        nodes.clear()
        found: list[str] = []
        for part in parts:
            given = words.fields(machine, part)
            found += given
            nodes.extend([part] * len(given))
        found += lost
        nodes.extend([node] * len(lost))
        return found, read_redirects(machine, redirected) if redirected else ()

    def run(evaluated: tuple[list[str], tuple[Redirect, ...]]) -> Stream:
        found, redirects = evaluated
        given = _from_file(machine, redirects, stdin)
        return execute(machine, found, list(nodes), node, redirects, given, assigns)

    return _one_of(machine.each_round(evaluate, run))


def _one_of(streams: list[Stream]) -> Stream:
    """What a command prints, whichever of its rounds is the one that comes."""
    first = streams[0]
    if len(streams) == 1 or all(stream.text == first.text for stream in streams):
        return first
    return first._replace(text=ANY)


def _from_file(machine: Machine, redirects: tuple[Redirect, ...], stdin: Stream | None) -> Stream | None:
    for redirect in redirects:
        if redirect.operator == "<" and redirect.descriptor in ("", "0"):
            path = normal_path(redirect.target, machine.cwd)
            stdin = machine.process_sources.get(redirect.target) or machine.files.get(path) or Stream(ANY)
    return stdin
