"""Walks statements: sequences, branches, loops, pipelines, functions, here-documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash import branches, words
from suture_safety.bash.assignments import assign, declare, look_for_code, unset
from suture_safety.bash.execution import run_redirects_alone
from suture_safety.bash.machine import Stream
from suture_safety.bash.redirects import (
    WORDS,
    from_here_document,
    from_here_string,
    read_redirects,
    spilled_words,
)
from suture_safety.bash.simple import run_command
from suture_safety.bash.tree import text_of
from suture_safety.bash.values import ANY, bounded
from suture_safety.bounds import MAX_DEPTH, BoundExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tree_sitter import Node

    from suture_safety.bash.machine import Machine

    Statement = Callable[[Machine, Node, Stream | None], Stream]

SILENT = Stream("")
_OF_DOCUMENT = (
    *WORDS,
    "heredoc_start",
    "heredoc_body",
    "heredoc_end",
    "file_redirect",
    "herestring_redirect",
)
_QUOTED = re.compile("'[^']*'")
_REDIRECTS = ("file_redirect", "heredoc_redirect", "herestring_redirect")


def run_all(machine: Machine, nodes: Iterable[Node], stdin: Stream | None) -> Stream:
    """Runs statements one after the other; what they print is put together."""
    printed = ""
    sources: tuple[str, ...] = ()
    for node in nodes:
        statement = _STATEMENTS.get(node.type)
        if statement is None:
            if not node.is_named or node.type == "comment":
                continue
            statement = _unknown
        stream = _run(machine, statement, node, stdin)
        printed += stream.text
        sources = stream.sources or sources
    return Stream(bounded(printed), sources)


def run(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    return _run(machine, _STATEMENTS.get(node.type, _unknown), node, stdin)


def _run(machine: Machine, statement: Statement, node: Node, stdin: Stream | None) -> Stream:
    machine.budget.step()
    machine.depth += 1
    if machine.depth > MAX_DEPTH:
        raise BoundExceeded("bounds.depth", f"is nested deeper than {MAX_DEPTH} levels")
    stream = statement(machine, node, stdin)
    machine.depth -= 1
    return stream


def _unknown(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    machine.visit_substitutions(node)
    return SILENT


def _block(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    if node.children and node.children[0].type == "((":
        return _unknown(machine, node, stdin)
    return run_all(machine, node.children, stdin)


def _subshell(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    before = machine.scope()
    stream = run_all(machine, node.children, stdin)
    machine.restore(before)
    return stream


def _test(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    machine.visit_substitutions(node)
    for quoted in _QUOTED.findall(text_of(node)):
        look_for_code(machine, quoted, node)
    machine.trail.order += 1
    machine.trail.checked()
    return SILENT


def _pipeline(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    stream, outer = stdin, machine.piped
    stages = [child for child in node.children if child.is_named and child.type != "comment"]
    for position, stage in enumerate(stages, start=1):
        machine.piped = outer or position < len(stages)
        following = run(machine, stage, stream)
        if stream is not None:
            names = tuple(dict.fromkeys((*stream.sources, *following.sources)))
            following = Stream(following.text, names, following.place, following.secret or stream.secret)
        stream = following
    machine.piped = outer
    return stream or SILENT


def _redirected(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    body = node.child_by_field_name("body")
    pieces = [child for child in node.children if child.type in _REDIRECTS]
    if body is None and spilled_words(pieces):
        return run_command(machine, node, stdin, ())
    if body is None:
        for piece in pieces:
            if piece.type == "herestring_redirect":
                from_here_string(machine, piece)
            elif piece.type == "heredoc_redirect":
                from_here_document(machine, piece)
        machine.each_round(
            lambda: read_redirects(machine, pieces), lambda found: run_redirects_alone(machine, node, found)
        )
        return SILENT
    tails: list[Node] = []
    for piece in pieces:
        if piece.type == "herestring_redirect":
            stdin = from_here_string(machine, piece)
        elif piece.type == "heredoc_redirect":
            stdin = from_here_document(machine, piece)
            tails += [child for child in piece.children if child.is_named and child.type not in _OF_DOCUMENT]
    if body.type == "command":
        stream = run_command(machine, body, stdin, pieces)
    else:
        ways = machine.each_round(lambda: read_redirects(machine, pieces), lambda found: found)
        for redirect in ways[0]:
            if redirect.operator == "<":
                stdin = machine.process_sources.get(redirect.target, Stream(ANY))
        stream = run(machine, body, stdin)
        for redirects in ways:
            run_redirects_alone(machine, node, redirects)
    # What follows `<<EOF` on its line is parsed as part of the redirection: `cat <<EOF | sh`.
    for tail in tails:
        piped = tail.type in ("pipeline", "command", "redirected_statement") and _is_piped(tail)
        stream = run(machine, tail, stream if piped else None)
    return stream


def _is_piped(tail: Node) -> bool:
    return tail.type == "pipeline" and bool(tail.children) and tail.children[0].type in ("|", "|&")


def _command(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    return run_command(machine, node, stdin, ())


def _assignment(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    assign(machine, node)
    return SILENT


def _assignments(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    for child in node.children:
        assign(machine, child)
    return SILENT


def _declaration(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    declare(machine, node)
    return SILENT


def _unset(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    unset(machine, node)
    return SILENT


def _function(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    name = next((child for child in node.children if child.type == "word"), None)
    body = node.child_by_field_name("body")
    redirects = [child for child in node.children if child.type in _REDIRECTS]
    run_redirects_alone(machine, node, read_redirects(machine, redirects))
    if name is not None and body is not None:
        called = text_of(name)
        if branches.forks_itself(machine, body, called):
            machine.collector.add(
                "resources.fork-bomb",
                "error",
                f"{called} starts itself in the background or in a pipe without end: a fork bomb",
                "Remove it; it exhausts the process table.",
                machine.place(node),
            )
        machine.functions[called] = (body, machine.unit)
    return SILENT


def _for(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    variable = node.child_by_field_name("variable")
    values = [child for child in node.children_by_field_name("value") if child.is_named]
    items: list[str] = []

    def evaluate() -> list[str]:
        return [word for value in values for word in words.fields(machine, value)]

    machine.each_round(evaluate, items.extend)
    body = node.child_by_field_name("body")
    if node.children[0].type == "select" and stdin is None and machine.input is None:
        message = "select waits for somebody to choose"
        machine.warn("resources.waits-for-input", node, message, "Take the choice as a parameter.")
    if variable is not None and body is not None:
        if not any(child.type == "in" for child in node.children):
            items = machine.arguments or [ANY]
        branches.loop_over(machine, text_of(variable), items, lambda: run(machine, body, stdin))
    return Stream(ANY)


def _loop(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    body = node.child_by_field_name("body")
    outer, machine.input = machine.input, stdin or machine.input
    for child in node.children:
        if child.is_named and child != body:
            run(machine, child, stdin)
    if body is not None:
        if branches.never_ends(machine, node, body):
            message = "never ends: nothing in the loop leaves it"
            machine.warn(
                "resources.endless-loop", node, message, "Bound the loop: for _ in {1..30}, or break."
            )
        branches.repeat(machine, lambda: run(machine, body, stdin))
    machine.input = outer
    return Stream(ANY, stdin.sources if stdin else ())


def _negated(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    return run_all(machine, node.children, stdin)


_STATEMENTS: dict[str, Statement] = {
    "program": _block,
    "compound_statement": _block,
    "do_group": _block,
    "subshell": _subshell,
    "pipeline": _pipeline,
    "command": _command,
    "redirected_statement": _redirected,
    "list": branches.run_list,
    "if_statement": branches.run_if,
    "case_statement": branches.run_case,
    "for_statement": _for,
    "c_style_for_statement": _loop,
    "while_statement": _loop,
    "function_definition": _function,
    "variable_assignment": _assignment,
    "variable_assignments": _assignments,
    "declaration_command": _declaration,
    "unset_command": _unset,
    "negated_command": _negated,
    "test_command": _test,
}
