"""From a rule's data to a function that says whether a command breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from suture_safety.bash.command import is_output
from suture_safety.bash.values import shown
from suture_safety.conditions import CONDITIONS, OF_PATHS
from suture_safety.paths import covered

if TYPE_CHECKING:
    from suture_safety.bash.command import Command
    from suture_safety.paths import PathClasses

Matcher = Callable[["Command", "tuple[str, ...]"], "str | None"]
"""Gives the part of the command that breaks the rule, for its message, or ``None``."""
_Check = Callable[["Command", "tuple[str, ...]"], "str | None"]

_KNOWN_KEYS = frozenset(
    """
    id severity message why remedy reference fires silent programs commands assigns options without
    operand argument mentions unless paths outputs truncates reads pipes_from undeclared condition anywhere
    others
    """.split()  # noqa: SIM905 - as a list it fills the page
)


def compile_matcher(entry: dict[str, Any], commands: list[list[str]], classes: PathClasses) -> Matcher:
    """All conditions of the entry must hold; a key that is not known is a mistake in the data."""
    unknown = set(entry) - _KNOWN_KEYS
    if unknown:
        raise ValueError(f"rule {entry.get('id')}: unknown keys {sorted(unknown)}")
    checks: list[_Check] = []
    if "mentions" in entry:
        checks.append(_mentions(tuple(_texts(entry["mentions"]))))
    if any(len(command) > 1 for command in commands):
        checks.append(_subcommand(commands, bool(entry.get("anywhere"))))
    checks += [_option(one.split("|")) for one in _texts(entry.get("options"))]
    checks += [_no_option(one.split("|")) for one in _texts(entry.get("without"))]
    if "operand" in entry:
        checks.append(_operand(re.compile(entry["operand"])))
    if "argument" in entry:
        checks.append(_argument(re.compile(entry["argument"])))
    if "unless" in entry:
        checks.append(_unless(re.compile(entry["unless"])))
    undeclared = bool(entry.get("undeclared"))
    for key, make in (("paths", _paths), ("outputs", _outputs), ("reads", _reads)):
        if key in entry:
            wanted = _Wanted(classes, frozenset(_texts(entry[key])), undeclared)
            checks.append(make(wanted, bool(entry.get("truncates"))))
    if "pipes_from" in entry:
        checks.append(_pipes_from(frozenset(_texts(entry["pipes_from"]))))
    if "condition" in entry:
        condition = CONDITIONS[entry["condition"]]
        checks.append(lambda command, declared: condition(command, declared, classes))
    return checks[0] if len(checks) == 1 else _all(tuple(checks))


def asks_for_paths(entry: dict[str, Any]) -> bool:
    """Whether the rule can only be broken by a command that names a path of some class."""
    return any(key in entry for key in ("paths", "reads")) or entry.get("condition") in OF_PATHS


def _texts(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _all(checks: tuple[_Check, ...]) -> Matcher:
    def matches(command: Command, declared: tuple[str, ...]) -> str | None:
        found = ""
        for check in checks:
            matched = check(command, declared)
            if matched is None:
                return None
            found = matched or found
        return found

    return matches


def _subcommand(commands: list[list[str]], anywhere: bool) -> _Check:
    by_program: dict[str, list[list[frozenset[str]]]] = {}
    for program, *rest in commands:
        for name in program.split("|"):
            by_program.setdefault(name, []).append([frozenset(word.split("|")) for word in rest])

    def check(command: Command, declared: tuple[str, ...]) -> str | None:
        operands = command.operands
        for wanted in by_program.get(command.name, ()):
            if anywhere:
                words = iter(operands[:8])
                if all(any(word in options for word in words) for options in wanted):
                    return shown(command.joined)
            elif len(operands) >= len(wanted) and all(
                word in options for word, options in zip(operands, wanted, strict=False)
            ):
                return shown(command.joined)
        return None

    return check


def _option(names: list[str]) -> _Check:
    return lambda command, declared: "" if command.has(*names) else None


def _no_option(names: list[str]) -> _Check:
    return lambda command, declared: None if command.has(*names) else ""


def _operand(pattern: re.Pattern[str]) -> _Check:
    def check(command: Command, declared: tuple[str, ...]) -> str | None:
        for word in command.operands:
            if pattern.search(word):
                return shown(word)
        return None

    return check


def _argument(pattern: re.Pattern[str]) -> _Check:
    def check(command: Command, declared: tuple[str, ...]) -> str | None:
        found = pattern.search(command.joined)
        return shown(found.group()) if found else None

    return check


def _unless(pattern: re.Pattern[str]) -> _Check:
    return lambda command, declared: None if pattern.search(command.joined) else ""


def _mentions(texts: tuple[str, ...]) -> _Check:
    """What the rule's ``argument`` needs, in lower case: far cheaper to look for than a pattern."""

    def check(command: Command, declared: tuple[str, ...]) -> str | None:
        words = command.lowered
        for text in texts:
            if text in words:
                return ""
        return None

    return check


class _Wanted(NamedTuple):
    """The classes of paths that a rule is about; ``undeclared``: not where the script declares the path."""

    classes: PathClasses
    names: frozenset[str]
    undeclared: bool

    def has(self, path: str, declared: tuple[str, ...]) -> bool:
        found = self.classes.of(path)
        return (
            bool(found)
            and not self.names.isdisjoint(found)
            and not (self.undeclared and covered(path, declared))
        )


def _paths(wanted: _Wanted, truncates: bool) -> _Check:
    def check(command: Command, declared: tuple[str, ...]) -> str | None:
        for path in command.paths:
            if wanted.has(path, declared):
                return shown(path)
        return None

    return check


def _outputs(wanted: _Wanted, truncates: bool) -> _Check:
    def check(command: Command, declared: tuple[str, ...]) -> str | None:
        operators = [one.operator for one in command.redirects if is_output(one)]
        for path, operator in zip(command.outputs, operators, strict=True):
            if truncates and operator.endswith(">>"):
                continue
            if wanted.has(path, declared):
                return shown(path)
        return None

    return check


def _reads(wanted: _Wanted, truncates: bool) -> _Check:
    def check(command: Command, declared: tuple[str, ...]) -> str | None:
        sources = [one.target for one in command.redirects if one.operator == "<"]
        return next((shown(path) for path in (*command.paths, *sources) if wanted.has(path, declared)), None)

    return check


def _pipes_from(names: frozenset[str]) -> _Check:
    def check(command: Command, declared: tuple[str, ...]) -> str | None:
        sources = command.stdin.sources if command.stdin else ()
        return next((name for name in sources if name in names), None)

    return check
