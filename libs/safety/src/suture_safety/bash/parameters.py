"""Parameter expansion: ``$x``, ``${x:-y}``, ``${x#p}``, ``${x/a/b}``, ``${!x}``, ``${a[@]}`` and so on."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING

from suture_safety.bash import words
from suture_safety.bash.tree import text_of
from suture_safety.bash.unread import expand_unread
from suture_safety.bash.values import ANY, MANY, SOME, TOKEN, bounded, is_known, may_be_empty, unescape

if TYPE_CHECKING:
    from tree_sitter import Node

    from suture_safety.bash.machine import Machine

_SUBSTITUTION = re.compile(r"\$\(|`")
_SHAPE = re.compile(r"\$\{([!#]?)(\w+|[@*#?$!-])(\[.*?\])?(.*)\}", re.DOTALL)
_OPERATOR = re.compile(r":[-=?+]|[-=?+]|##?|%%?|//?|\^\^?|,,?|:|@")
_KNOWN = {
    "HOME": f"/home/{TOKEN}",
    "TMPDIR": "/tmp",  # noqa: S108 - its usual value
    "PATH": "/usr/bin:/bin",
    "IFS": " \t\n",
    "SHELL": "/bin/bash",
    "PWD": SOME,
    "OLDPWD": SOME,
    "0": SOME,
    "#": TOKEN,
    "?": TOKEN,
    "$": TOKEN,
    "!": TOKEN,
    "-": TOKEN,
    "_": ANY,
    **dict.fromkeys(
        (
            "USER",
            "LOGNAME",
            "UID",
            "EUID",
            "PPID",
            "RANDOM",
            "SECONDS",
            "LINENO",
            "HOSTNAME",
            "OSTYPE",
            "BASHPID",
            "HOSTTYPE",
            "MACHTYPE",
            "EPOCHSECONDS",
            "SUDO_USER",
            "BASH_VERSION",
            "FUNCNAME",
            "PIPESTATUS",
            "OPTIND",
        ),
        TOKEN,
    ),
    "BASH_SOURCE": SOME,
}


def expand(machine: Machine, node: Node, quoted: bool = False) -> str | list[str]:
    """The value of an expansion; several words for ``"$@"`` and ``"${a[@]}"``."""
    if node.type == "simple_expansion":
        name = text_of(node)[1:]
        if name in ("@", "*"):
            return _positional(machine, name, quoted)
        return variable(machine, name)
    shape = _SHAPE.fullmatch(text_of(node))
    if not shape:
        machine.visit_substitutions(node)
        return ANY
    prefix, name, index, rest = shape.groups()
    if index is not None and ("$" in index or "`" in index):
        machine.visit_substitutions(node)
    if index in ("[@]", "[*]") or name in ("@", "*"):
        return _words_of(machine, node, prefix, name, index, rest, quoted)
    if prefix == "#":
        return TOKEN
    if index is not None:
        value = _element(machine, name, index)
    elif prefix == "!":
        target = variable(machine, name)
        value = variable(machine, target) if is_known(target) and re.fullmatch(r"\w+", target) else ANY
    else:
        value = variable(machine, name)
    return bounded(_operate(machine, node, name, value, rest)) if rest else value


def variable(machine: Machine, name: str) -> str:
    """One value of a variable: where it has several, the one that this round of evaluation takes."""
    if machine.references:
        name = machine.referred(name)
    values = machine.variables.get(name)
    if values is None:
        if name.isdigit() and name != "0":
            given = machine.arguments
            if given is None:
                return ANY
            return given[int(name) - 1] if 0 < int(name) <= len(given) else (ANY if MANY in given else "")
        if name in machine.arrays:
            return machine.arrays[name][0] if machine.arrays[name] else ""
        return _KNOWN.get(name, ANY)
    return values[0] if len(values) == 1 else machine.choose(name, values)


def _positional(machine: Machine, name: str, quoted: bool) -> str | list[str]:
    given = [MANY] if machine.arguments is None else machine.arguments
    return " ".join(given) if name == "*" or not quoted else list(given)


def _words_of(
    machine: Machine, node: Node, prefix: str, name: str, index: str | None, rest: str, quoted: bool
) -> str | list[str]:
    if prefix == "#":
        return TOKEN
    if index is None:
        given = _positional(machine, name, quoted)
    else:
        values = machine.arrays.get(name)
        if values is None and name in machine.variables:
            values = [variable(machine, name)]
        given = [MANY] if values is None else list(values)
        if index == "[*]" or not quoted:
            given = " ".join(given)
    if rest:
        machine.visit_substitutions(node)
        return [MANY]
    return given


def _element(machine: Machine, name: str, index: str) -> str:
    values = machine.arrays.get(name)
    number = index[1:-1]
    if values is None:
        return variable(machine, name) if number == "0" else ANY
    if number.lstrip("-").isdigit() and MANY not in values:
        position = int(number)
        return values[position] if -len(values) <= position < len(values) else ""
    return ANY


def _operate(machine: Machine, node: Node, name: str, value: str, rest: str) -> str:
    match = _OPERATOR.match(rest)
    if not match:
        return ANY
    operator = match.group()
    operand = _operand(machine, node, len(rest) - len(operator), rest[len(operator) :])
    kind = operator.lstrip(":")
    if operator == ":":
        return _slice(value, operand)
    if kind in ("-", "=", "?", "+"):
        return _default(machine, node, name, kind, value, operand)
    if operator == "@":
        return _transformed(machine, node, value, operand)
    if not is_known(value) or not is_known(operand):
        return _partly(value, operator)
    if kind[0] in "#%":
        return _trim(value, operator, operand)
    if kind[0] == "/":
        return _replace(value, operator, operand)
    pattern = operand or "?"
    if pattern != "?":
        return ANY
    changed = value.upper() if kind[0] == "^" else value.lower()
    return changed if len(kind) == 2 else changed[:1] + value[1:]


def _transformed(machine: Machine, node: Node, value: str, kind: str) -> str:
    """``${x@P}`` and its kin: a prompt's text is expanded, so what stands in it runs."""
    if kind == "P":
        if "$(" in value or "`" in value:
            machine.run_text(f': "{value}"', machine.place(node), exact=False)
        return ANY
    if kind == "E":
        return unescape(value)
    if kind == "u":
        return value[:1].upper() + value[1:]
    return value.upper() if kind == "U" else value.lower() if kind == "L" else value


def _partly(value: str, operator: str) -> str:
    if operator in ("%", "%%") and value.startswith("/"):
        # What is cut off the end leaves the beginning, as in ${path%/*}.
        head = re.split("[\ue000-\ue003]", value, maxsplit=1)[0]
        return head.rsplit("/", 1)[0] + "/" + ANY if "/" in head[1:] else ANY
    return ANY


def _operand(machine: Machine, node: Node, length: int, raw: str) -> str:
    if not any(mark in raw for mark in "$`\"'\\"):
        return raw
    unread = [text_of(child) for child in node.children if child.type in ("regex", "word")]
    if unread := [text for text in unread if _SUBSTITUTION.search(text)]:
        for text in unread:
            expand_unread(machine, text, node)
        return ANY
    end = node.end_byte - 1
    start = end - len(raw.encode()) if length else end
    source, base = node.text or b"", node.start_byte
    out, position = [], start
    for child in node.children:
        if child.start_byte >= start and child.end_byte <= end and child.is_named:
            out.append(source[position - base : child.start_byte - base].decode("utf-8", "replace"))
            out.append(words.text(machine, child))
            position = child.end_byte
    out.append(source[position - base : end - base].decode("utf-8", "replace"))
    return "".join(out)


def _default(machine: Machine, node: Node, name: str, kind: str, value: str, operand: str) -> str:
    if kind == "?":
        if may_be_empty(value):
            machine.narrow(name)
            return SOME
        return value.replace(ANY, SOME) if value == ANY else value
    if kind == "+":
        return (
            machine.choose(f"+{node.start_byte}", ("", operand))
            if not is_known(value)
            else operand
            if value
            else ""
        )
    if is_known(value):
        result = value or operand
    else:
        result = machine.choose(f"-{node.start_byte}", (operand, SOME if may_be_empty(value) else value))
    if kind == "=":
        machine.variables[name] = (result,)
    return result


def _slice(value: str, operand: str) -> str:
    match = re.fullmatch(r"\s*(-?\d{1,6})\s*(?::\s*(-?\d{1,6})\s*)?", operand)
    if not match or not is_known(value):
        return ANY
    start = int(match[1])
    cut = value[start:] if start >= 0 else value[max(0, len(value) + start) :]
    if match[2] is None:
        return cut
    return cut[: int(match[2])]


def _trim(value: str, operator: str, pattern: str) -> str:
    sizes = range(len(value) + 1) if len(operator) == 1 else range(len(value), -1, -1)
    if len(value) > 500:
        return ANY
    glob = re.compile(fnmatch.translate(pattern))
    for size in sizes:
        if operator[0] == "#" and glob.match(value[:size]):
            return value[size:]
        if operator[0] == "%" and glob.match(value[len(value) - size :]):
            return value[: len(value) - size]
    return value


def _replace(value: str, operator: str, operand: str) -> str:
    pattern, _, replacement = operand.partition("/")
    if any(mark in pattern for mark in "*?["):
        return ANY
    pattern = pattern.replace("\\", "")
    if not pattern:
        return value
    if pattern[0] in "#%" and len(operator) == 1:
        fixed = pattern[1:]
        if pattern[0] == "#":
            return replacement + value[len(fixed) :] if value.startswith(fixed) else value
        return value[: len(value) - len(fixed)] + replacement if value.endswith(fixed) and fixed else value
    return value.replace(pattern, replacement, -1 if operator == "//" else 1)
