"""Assignments: plain, appended, arrays, ``declare``, ``local``, ``export``, ``readonly``, ``unset``."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING

from suture_safety.bash import words
from suture_safety.bash.machine import widened
from suture_safety.bash.tree import text_of
from suture_safety.bash.values import ANY, MANY, bounded, is_known, shown
from suture_safety.bash.word_templates import assignment_template

if TYPE_CHECKING:
    from tree_sitter import Node

    from suture_safety.bash.machine import Machine
    from suture_safety.bash.word_templates import Word

_MAX_ITEMS = 500
_AT_INDEX = re.compile(r"\[([^\]]*)\]=")
_REFERS = re.compile(rb"-\w*n\w*")
_CODE_IN_SUBSCRIPT = re.compile(r"\w\[[^\]]*(?:\$\(|`)")


def assign(machine: Machine, node: Node) -> str | None:
    """Carries out one assignment; gives the variable's name."""
    template = assignment_template(node.text or b"") if node.type == "variable_assignment" else None
    if template is not None:
        name, appends, word = template
        machine.here = node
        _assign_values(machine, name, _values(machine, word), appends)
        return name
    target, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    if target is None:
        return None
    appends = any(child.type == "+=" for child in node.children)
    if target.type == "subscript":
        return _assign_element(machine, target, value)
    name = text_of(target)
    machine.here = node
    if value is not None and value.type == "array":
        items: list[str] = []
        for child in value.children:
            if child.is_named and child.type != "comment":
                items.extend(words.fields(machine, child))
        if any(_AT_INDEX.match(item) for item in items):
            items = _at_indexes(items)
        if appends:
            items = [*machine.arrays.get(name, machine.variables.get(name, ())), *items]
        machine.arrays[name] = items[:_MAX_ITEMS] if len(items) <= _MAX_ITEMS else [MANY]
        machine.variables.pop(name, None)
        return name
    _assign_text(machine, name, value, appends)
    return name


def _at_indexes(items: list[str]) -> list[str]:
    """The items in the order of their numbers: ``([2]=b [1]=a)``; not known where a key is no number."""
    placed: dict[int, str] = {}
    following = 0
    for item in items:
        at = _AT_INDEX.match(item)
        if at and (not at[1].isdigit() or int(at[1]) >= _MAX_ITEMS):
            return [MANY]
        following = int(at[1]) if at else following
        placed[following] = item[at.end() :] if at else item
        following += 1
    return [placed.get(position, "") for position in range(max(placed) + 1)]


def _assign_text(machine: Machine, name: str, value: Node | None, appends: bool) -> None:
    if value is None:
        values: tuple[str, ...] = ("",)
    else:
        values = tuple(machine.each_round(lambda: [words.text(machine, value)], itemgetter(0)))
    _assign_values(machine, name, values, appends)


def _values(machine: Machine, word: Word) -> tuple[str, ...]:
    if isinstance(word, str):
        return (word,)
    return tuple(machine.each_round(lambda: [words.filled_text(machine, word)], itemgetter(0)))


def _assign_values(machine: Machine, name: str, values: tuple[str, ...], appends: bool) -> None:
    if appends:
        before = machine.variables.get(name, ("",))
        values = tuple(bounded(old + new) for old in before for new in values)
    set_variable(machine, name, values)


def set_variable(machine: Machine, name: str, values: tuple[str, ...]) -> None:
    if machine.references:
        name = machine.referred(name)
    machine.variables[name] = widened(values) if len(values) > 1 else values
    machine.arrays.pop(name, None)
    for value in values:
        look_for_code(machine, value, machine.here)
    machine.rules.check_assignment(machine, name, values)


def look_for_code(machine: Machine, word: str, node: Node) -> None:
    """Text such as ``a[$(…)]``: where the shell takes it for a variable or a number, what is inside runs."""
    if "[" in word and _CODE_IN_SUBSCRIPT.search(word):
        machine.warn(
            "hidden.subscript",
            node,
            f"holds a command that runs where this is taken for a number or a variable: {shown(word)}",
            "Use a number as the subscript.",
        )


def _assign_element(machine: Machine, target: Node, value: Node | None) -> str | None:
    machine.visit_substitutions(target)
    parts = target.children
    name = text_of(parts[0])
    index = text_of(parts[2]) if len(parts) > 2 else ""
    new = words.text(machine, value) if value is not None else ""
    items = machine.arrays.get(name)
    if items is None:
        items = machine.arrays[name] = []
    elif items == [MANY]:
        return name
    if index.isdigit() and int(index) <= len(items) < _MAX_ITEMS and all(map(is_known, items)):
        machine.arrays[name] = [*items[: int(index)], new, *items[int(index) + 1 :]]
    else:
        machine.arrays[name] = [MANY]
    return name


def declare(machine: Machine, node: Node) -> None:
    """``export X=…``, ``local x``, ``readonly``, ``declare -a``; a local without value is empty."""
    keyword = node.children[0].type
    refers = any(child.type == "word" and _REFERS.fullmatch(child.text or b"") for child in node.children)
    for child in node.children:
        if child.type == "variable_assignment":
            outer = machine.references
            if refers:
                # It is the name itself that gets a value here, not what it stood for so far.
                machine.references = {}
            name = assign(machine, child)
            machine.references = outer
            if refers and name:
                _refer(machine, name)
        elif child.type == "variable_name" and keyword in ("local", "declare", "typeset"):
            machine.variables.setdefault(text_of(child), ("",))
        elif child.is_named and child.type not in ("word", "variable_name"):
            _declare_dynamic(machine, child)


def _refer(machine: Machine, name: str) -> None:
    """``declare -n name=other``: from here on the name stands for the other variable."""
    values = machine.variables.get(name, (ANY,))
    if len(values) == 1 and values[0].isidentifier():
        machine.references[name] = values[0]
    else:
        forget(machine, name)


def _declare_dynamic(machine: Machine, child: Node) -> None:
    """``export "$name=$value"``: the text decides what is assigned."""

    def assign_each(found: list[str]) -> None:
        for word in found:
            look_for_code(machine, word, child)
            name, equals, value = word.partition("=")
            if equals and name.isidentifier():
                set_variable(machine, name, (value,))

    machine.each_round(lambda: words.fields(machine, child), assign_each)


def unset(machine: Machine, node: Node) -> None:
    for child in node.children:
        if child.type in ("variable_name", "word"):
            name = text_of(child)
            machine.variables[name] = ("",)
            machine.arrays.pop(name, None)
            machine.functions.pop(name, None)
            machine.here = child
            machine.rules.check_assignment(machine, name, ("",))
        elif child.is_named:
            look_for_code(machine, text_of(child), child)
            machine.visit_substitutions(child)


def forget(machine: Machine, name: str) -> None:
    """The variable gets a value from outside: nothing is known of it."""
    machine.variables[name] = (ANY,)
    machine.arrays.pop(name, None)
