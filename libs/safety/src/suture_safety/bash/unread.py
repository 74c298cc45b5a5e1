"""Substitutions that the grammar takes for plain text: bash runs them all the same.

It misses those after blanks at the beginning of a here-document's line, after a lone ``$`` there, and in the
patterns of ``${name#pattern}``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash.tree import parses_as_one
from suture_safety.bash.values import ANY

if TYPE_CHECKING:
    from tree_sitter import Node

    from suture_safety.bash.machine import Machine

_OPENING = re.compile(r"(?<!\\)(?:\\\\)*(\$\(|`)")
_CLOSING_QUOTE = re.compile(r"(?<!\\)(?:\\\\)*`")
_CLOSING = re.compile(r"\)")
_MAX_TRIES = 50
_MAX_CHARACTERS = 10_000


def expand_unread(machine: Machine, text: str, node: Node) -> str:
    """Runs each substitution in a text that expands as in double quotes; what they print is not known."""
    out: list[str] = []
    position = 0
    while found := _OPENING.search(text, position):
        start = found.start(1)
        end = _end(machine, text, start)
        if end is None:
            machine.broken(node, "where a substitution ends cannot be told")
            break
        machine.run_text(f": {text[start:end]}", machine.place(node), exact=False)
        out += (text[position:start], ANY)
        position = end
    return "".join([*out, text[position:]])


def _end(machine: Machine, text: str, start: int) -> int | None:
    """Where the substitution ends: at the first place up to which it is a whole one."""
    if text[start] == "`":
        closing = _CLOSING_QUOTE.search(text, start + 1)
        return closing.end() if closing else None
    for tries, closing in enumerate(_CLOSING.finditer(text, start, start + _MAX_CHARACTERS)):
        machine.budget.check()
        if tries >= _MAX_TRIES:
            break
        if parses_as_one(text[start : closing.end()], machine.budget):
            return closing.end()
    return None
