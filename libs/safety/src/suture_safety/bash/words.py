"""Words: what bash makes of quoting, expansions and concatenation before it runs a command."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from suture_safety.bash import parameters
from suture_safety.bash.tree import text_of
from suture_safety.bash.values import (
    ANY,
    MANY,
    SOME,
    TOKEN,
    bounded,
    expand_braces,
    is_known,
    unescape,
)
from suture_safety.bash.word_templates import EXPANDED, LITERAL, QUOTED, word_template

if TYPE_CHECKING:
    from tree_sitter import Node

    from suture_safety.bash.machine import Machine
    from suture_safety.bash.word_templates import Word

_BACKSLASH = re.compile(r"\\(\n|.)", re.DOTALL)
_QUOTED_BACKSLASH = re.compile(r'\\([$`"\\\n])')

Piece = tuple["str | list[str]", int]
"""Text (or several words) and how it is treated: as it is, split on white space, open to brace expansion."""


def fields(machine: Machine, node: Node) -> list[str]:
    """The words that one word of the source becomes: none, one or several."""
    template = word_template(node.text or b"")
    if template is not None:
        return filled(machine, template)
    pieces: list[Piece] = []
    _collect(machine, node, pieces)
    return _split(pieces, machine.variables.get("IFS", (" \t\n",))[0])


def filled(machine: Machine, template: Word) -> list[str]:
    """The words that a template becomes."""
    if isinstance(template, str):
        return [template]
    pieces: list[Piece] = [
        (parameters.variable(machine, part) if is_variable else part, mode)
        for part, mode, is_variable in template
    ]
    return _split(pieces, machine.variables.get("IFS", (" \t\n",))[0])


def text(machine: Machine, node: Node) -> str:
    """The word as one text, as in an assignment, where nothing is split."""
    template = word_template(node.text or b"")
    if template is not None:
        return filled_text(machine, template)
    pieces: list[Piece] = []
    _collect(machine, node, pieces)
    return bounded("".join(" ".join(part) if isinstance(part, list) else part for part, _ in pieces))


def filled_text(machine: Machine, template: Word) -> str:
    """What a template becomes where nothing is split."""
    if isinstance(template, str):
        return template
    return bounded(
        "".join(
            parameters.variable(machine, part) if is_variable else part for part, _, is_variable in template
        )
    )


def _collect(machine: Machine, node: Node, out: list[Piece]) -> None:
    kind = node.type
    if kind == "concatenation":
        for child in node.children:
            _collect(machine, child, out)
    elif kind in ("string", "translated_string"):
        _collect_string(machine, node, out)
    elif kind == "raw_string":
        out.append((text_of(node)[1:-1], QUOTED))
    elif kind == "ansi_c_string":
        out.append((unescape(text_of(node)[2:-1]), QUOTED))
    elif kind in ("simple_expansion", "expansion"):
        out.append((parameters.expand(machine, node), EXPANDED))
    elif kind == "command_substitution":
        out.append((machine.substitute(node), EXPANDED))
    elif kind == "process_substitution":
        out.append((machine.process_substitution(node), QUOTED))
    elif kind == "arithmetic_expansion":
        machine.visit_substitutions(node)
        out.append((TOKEN, QUOTED))
    else:
        out.append((_literal(machine, text_of(node), first=not out), LITERAL))


def _literal(machine: Machine, source: str, first: bool) -> str:
    if first and source.startswith("~"):
        user, slash, rest = source[1:].partition("/")
        home = machine.variables.get("HOME", (f"/home/{TOKEN}",))[0]
        source = (home if not user else f"/home/{user}") + slash + rest
    return _BACKSLASH.sub(lambda m: "" if m[1] == "\n" else m[1], source) if "\\" in source else source


def _collect_string(machine: Machine, node: Node, out: list[Piece]) -> None:
    """Children of a string, and the white space between them that the grammar leaves out."""
    raw = node.text or b""
    start = node.start_byte
    position = raw.index(b'"') + 1 if b'"' in raw else 0
    empty = True
    for child in node.children:
        kind = child.type
        if kind in ("simple_expansion", "expansion", "command_substitution", "arithmetic_expansion"):
            if child.start_byte - start > position:
                out.append((_quoted(raw[position : child.start_byte - start]), QUOTED))
            value: str | list[str]
            if kind == "command_substitution":
                value = machine.substitute(child)
            elif kind == "arithmetic_expansion":
                machine.visit_substitutions(child)
                value = TOKEN
            else:
                value = parameters.expand(machine, child, quoted=True)
            out.append((value, QUOTED))
            position = child.end_byte - start
            empty = False
    end = len(raw) - 1 if raw.endswith(b'"') else len(raw)
    if position < end or empty:
        out.append((_quoted(raw[position:end]), QUOTED))


def _quoted(raw: bytes) -> str:
    content = raw.decode("utf-8", "replace")
    return (
        _QUOTED_BACKSLASH.sub(lambda m: "" if m[1] == "\n" else m[1], content) if "\\" in content else content
    )


def _split(pieces: list[Piece], separators: str) -> list[str]:
    if len(pieces) == 1 and pieces[0][1] != EXPANDED and not isinstance(pieces[0][0], list):
        only = pieces[0][0]
        return expand_braces(only) if pieces[0][1] == LITERAL and "{" in only else [only]
    done: list[str] = []
    current: str | None = None
    for part, mode in pieces:
        if isinstance(part, list):
            if part:
                done.extend(((current or "") + part[0], *part[1:-1]) if len(part) > 1 else ())
                current = part[-1] if len(part) > 1 else (current or "") + part[0]
        elif mode != EXPANDED:
            current = (current or "") + part
        else:
            done, current = _split_expansion(part, separators, done, current)
    if current is not None:
        done.append(current)
    done = [bounded(word) for word in done]
    if any(mode == LITERAL and not isinstance(part, list) and "{" in part for part, mode in pieces):
        done = [word for field in done for word in expand_braces(field)]
    return done


def _split_expansion(
    part: str, separators: str, done: list[str], current: str | None
) -> tuple[list[str], str | None]:
    if not part:
        return done, current
    if part == MANY and current is None:
        return [*done, MANY], None
    if not is_known(separators):
        separators = " \t\n"
    words = _separator(separators).split(part) if separators else [part]
    if len(words) == 1:
        return done, (current or "") + part
    head, *middle, tail = words
    begun = (current or "") + head
    done = [*done, begun] if begun or current is not None else done
    return [*done, *middle], (tail or None)


@lru_cache(16)
def _separator(characters: str) -> re.Pattern[str]:
    return re.compile(f"[{re.escape(characters)}]+")


def is_dynamic(word: str) -> bool:
    """Whether a command's name cannot be told from the word."""
    return not is_known(word.rsplit("/", 1)[-1]) or word.startswith((ANY, SOME, MANY))
