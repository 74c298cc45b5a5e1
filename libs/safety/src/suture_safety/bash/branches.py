"""Branches and loops: each way is walked, then the states that they leave are joined."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash import statements, words
from suture_safety.bash.machine import Stream, widened
from suture_safety.bash.tree import text_of
from suture_safety.bash.values import ANY, MANY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Node

    from suture_safety.bash.machine import Machine, Scope

_TEST = re.compile(rb'(?:\[\[?|test)\s+(!\s+)?-([a-zA-Z])\s+"?\$\{?(\w+)\}?"?\s*(?:\]\]?)?')
_ENDS = {"exit", "return", "break", "continue", "die", "fail", "abort", "fatal", "error_exit", "exec"}
_MAX_NESTED_LOOPS = 2
_ALWAYS = re.compile(
    rb"while\s+(?:true|:|/bin/true|\[+ 1 \]+|\(\(\s*1\s*\)\))\s*;?|until\s+(?:false|/bin/false)\s*;?"
    rb"|for\s*\(\([^;]*;\s*;[^;]*\)\)\s*;?"
)
_QUOTED = re.compile(rb"['\"\\\\$]")
# A pipe, or what is sent to the background: not ``||``, ``&&``, ``>&`` or ``&>``.
_FORKS = re.compile(rb"(?<!\|)\|(?!\|)|(?<![&>])&(?![&>])")
_LEAVES = re.compile(rb"\b(?:break|return|exit|exec|die|fail\w*|abort\w*|fatal|kill)\b")


def run_list(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    """``a && b`` and ``a || b``."""
    left, operator, right = node.children[0], node.children[1].type, node.children[-1]
    outer, machine.guarded = machine.guarded, True
    stream = statements.run(machine, left, stdin)
    machine.guarded = outer
    when_true, when_false = _nonempty(left)
    skipped = machine.scope()
    _narrow(machine, when_true if operator == "&&" else when_false)
    second = statements.run(machine, right, stdin)
    if _ends(machine, right):
        machine.restore(skipped)
        _narrow(machine, when_false if operator == "&&" else when_true)
    else:
        machine.join([machine.scope(), skipped])
    return Stream(stream.text + second.text if second.text else stream.text, second.sources or stream.sources)


def run_if(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    ends: list[Scope] = []
    facts = _run_arm(machine, node, stdin, ends)
    complete = False
    for clause in node.children:
        if clause.type == "elif_clause":
            _narrow(machine, facts)
            facts = _run_arm(machine, clause, stdin, ends)
        elif clause.type == "else_clause":
            complete = True
            _narrow(machine, facts)
            statements.run_all(machine, clause.children, stdin)
            if not _ends(machine, clause):
                ends.append(machine.scope())
    if not complete:
        _narrow(machine, facts)
        ends.append(machine.scope())
    machine.join(ends)
    return Stream(ANY)


def _run_arm(machine: Machine, node: Node, stdin: Stream | None, ends: list[Scope]) -> list[str]:
    """Condition and body; leaves the state as it is when the condition is false."""
    condition: list[Node] = []
    body: list[Node] = []
    part = condition
    for child in node.children:
        if child.type == "then":
            part = body
        elif child.type in ("elif_clause", "else_clause"):
            break
        elif child.is_named and child.type != "comment":
            part.append(child)
    outer, machine.guarded = machine.guarded, True
    statements.run_all(machine, condition, stdin)
    machine.guarded = outer
    when_true, when_false = _nonempty(condition[-1]) if condition else ([], [])
    skipped = machine.scope()
    _narrow(machine, when_true)
    statements.run_all(machine, body, stdin)
    if not (body and _ends(machine, body[-1])):
        ends.append(machine.scope())
    machine.restore(skipped)
    return when_false


def run_case(machine: Machine, node: Node, stdin: Stream | None) -> Stream:
    before = machine.scope()
    ends = [before]
    for item in node.children:
        if item.type == "case_item":
            machine.restore(before)
            patterns = item.children_by_field_name("value")
            for pattern in patterns:
                machine.visit_substitutions(pattern)
            statements.run_all(machine, [c for c in item.children if c.is_named and c not in patterns], stdin)
            ends.append(machine.scope())
        elif item.is_named:
            machine.visit_substitutions(item)
    machine.join(ends)
    return Stream(ANY)


def loop_over(machine: Machine, name: str, items: list[str], body: Callable[[], Stream]) -> None:
    """A loop whose variable takes each of the items."""
    values = tuple(ANY if item == MANY else item for item in items)
    before = machine.scope()
    # Every item gets its turn in every command; only a long list is folded to what its items share.
    machine.variables[name] = widened(values) or (ANY,)
    machine.arrays.pop(name, None)
    repeat(machine, body)
    if not items:
        machine.restore(before)


def repeat(machine: Machine, body: Callable[[], Stream]) -> None:
    """A loop's body: once, and once more with what it left when that differs."""
    machine.loop_depth += 1
    before = machine.scope()
    body()
    if machine.changed_since(before):
        machine.join([machine.scope(), before])
        if machine.loop_depth <= _MAX_NESTED_LOOPS:
            again = machine.scope()
            body()
            _forget_growing(machine, again)
            machine.join([machine.scope(), before])
    machine.loop_depth -= 1


def _forget_growing(machine: Machine, before: Scope) -> None:
    for name, values in machine.variables.items():
        known = before.variables.get(name)
        if known is not None and not set(values) <= set(known):
            machine.variables[name] = (ANY,)


def never_ends(machine: Machine, loop: Node, body: Node) -> bool:
    """Whether a loop's condition always holds, and nothing in its body leaves it."""
    if _LEAVES.search(body.text or b""):
        return False
    head = (loop.text or b"")[: body.start_byte - loop.start_byte]
    condition = loop.named_children[0]
    if condition.type == "command" and _QUOTED.search(condition.text or b""):
        parts = (child.children[0] if child.type == "command_name" else child for child in condition.children)
        read = (word for part in parts for word in words.fields(machine, part))
        head = head.replace(condition.text or b"", " ".join(read).encode())
    return _ALWAYS.fullmatch(head.strip()) is not None


def forks_itself(machine: Machine, body: Node, name: str) -> bool:
    """Whether a function's body starts itself in a pipe or in the background."""
    if not _FORKS.search(body.text or b""):
        return False
    stack = [body]
    while stack:
        node = stack.pop()
        children = node.children
        calls = [child for child in children if child.type == "command" and _calls(machine, child, name)]
        if calls and (node.type == "pipeline" or any(_in_background(children, call) for call in calls)):
            return True
        stack.extend(child for child in children if child.child_count)
    return False


def _in_background(siblings: list[Node], call: Node) -> bool:
    position = siblings.index(call)
    return position + 1 < len(siblings) and siblings[position + 1].type == "&"


def _calls(machine: Machine, command: Node, name: str) -> bool:
    called = command.child_by_field_name("name")
    if called is None:
        return False
    quoted = _QUOTED.search(called.text or b"")
    return (words.text(machine, called.children[0]) if quoted else text_of(called)) == name


def _nonempty(condition: Node) -> tuple[list[str], list[str]]:
    """The variables that are not empty when the condition is true, and when it is false."""
    source = condition.text or b""
    if condition.type == "negated_command":
        match = _TEST.fullmatch(source.lstrip(b"! \t"))
        negated = True
    else:
        match, negated = _TEST.fullmatch(source), False
    if not match:
        if condition.type == "list" and condition.children[1].type == "&&":
            return _nonempty(condition.children[0])[0] + _nonempty(condition.children[-1])[0], []
        return [], []
    negated ^= bool(match[1])
    name = match[3].decode()
    found: tuple[list[str], list[str]] = ([], [name]) if match[2] == b"z" else ([name], [])
    return (found[1], found[0]) if negated else found


def _narrow(machine: Machine, names: list[str]) -> None:
    for name in names:
        machine.narrow(name)


def _ends(machine: Machine, node: Node) -> bool:
    """Whether control never comes back from a statement: it ends in ``exit`` or ``return``."""
    if node.type == "command":
        name = node.child_by_field_name("name")
        called = text_of(name) if name is not None else ""
        if called in _ENDS:
            return called not in machine.functions or _function_ends(machine, called)
        return called in machine.functions and _function_ends(machine, called)
    if node.type in ("compound_statement", "else_clause", "redirected_statement", "do_group"):
        named = [
            child
            for child in node.children
            if child.is_named and child.type not in ("comment", "file_redirect")
        ]
        return bool(named) and _ends(machine, named[-1])
    return False


def _function_ends(machine: Machine, name: str) -> bool:
    body, _ = machine.functions[name]
    named = [child for child in body.children if child.is_named and child.type != "comment"]
    last = named[-1] if named else None
    return last is not None and last.type == "command" and (last.text or b"").startswith(b"exit")
