"""Python, read through ``ast``: what it calls, what it hands to a shell, what it does to files."""

from __future__ import annotations

import ast
import re
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

from suture_contracts.report import Quality

from suture_safety.bounds import BoundExceeded
from suture_safety.python_calls import DOES, check_call
from suture_safety.python_names import Names
from suture_safety.python_values import handed_on
from suture_safety.rulebook import data

if TYPE_CHECKING:
    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector

_MAX_NODES = 100_000
_BACKUPS = ("shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.copytree", "os.rename", "shutil.move")
_INNER = frozenset(
    """
    __subclasses__ __globals__ __builtins__ __code__ __closure__ __getattribute__ __call__
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_REFLECTION = {
    "id": "reflection",
    "severity": "warning",
    "message": "reaches {name}, by which anything can be called",
    "remedy": "Call the function by its name.",
}
_HANDED_ON = {
    "id": "handed-on",
    "severity": "warning",
    "message": "hands {name} on: with what it is called cannot be told",
    "remedy": "Call it where it is named.",
}
_LOGS = ("print", "logging.", "sys.stdout.write", "sys.stderr.write", "log.", "logger.")


def analyse_python(
    text: str, collector: Collector, budget: Budget, base: tuple[int, int] = (1, 1)
) -> Quality:
    """Findings on one module; ``base`` is where its first character stands. Raises ``BoundExceeded``."""
    nodes = _read(text, collector, base)
    if nodes is None:
        return Quality()
    names = Names(nodes)
    seen: set[str] = set()
    for node in nodes:
        budget.step()
        if isinstance(node, ast.Call):
            place = _place(node, base)
            name = names.dotted(node.func)
            seen.add(name)
            _by_rule(name, collector, place, node)
            check_call(node, name, names, collector, budget, place)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for module in _modules(node):
                _import_by_rule(module, collector, _place(node, base))
        elif isinstance(node, ast.Assert):
            seen.add("assert")
        elif isinstance(node, ast.Attribute) and node.attr in _INNER:
            _report(_REFLECTION, node.attr, collector, _place(node, base))
        elif isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value:
            _check_endless(node, collector, _place(node, base))
    for value in handed_on(nodes):
        name = names.dotted(value)
        if name in DOES:
            _report(_HANDED_ON, name, collector, _place(value, base))
    return _quality(text, nodes, seen, collector, base)


def _read(text: str, collector: Collector, base: tuple[int, int]) -> list[ast.AST] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        line, column = (error.lineno or 1), (error.offset or 1)
        where = (base[0] + line - 1, max(1, column) if line > 1 else base[1] + max(1, column) - 1)
        collector.add(
            "python.syntax",
            "error",
            f"Python cannot be read: {error.msg}",
            "Fix the syntax; what cannot be read is not run.",
            where,
        )
        return None
    except ValueError as error:
        collector.add(
            "python.syntax", "error", f"Python cannot be read: {error}", "Remove the broken characters.", base
        )
        return None
    nodes: list[ast.AST] = []
    for node in ast.walk(tree):
        nodes.append(node)
        if len(nodes) > _MAX_NODES:
            raise BoundExceeded("bounds.size", f"has more than {_MAX_NODES:,} nodes")
    return nodes


def _place(node: ast.stmt | ast.expr, base: tuple[int, int]) -> tuple[int, int]:
    if node.lineno == 1:
        return base[0], base[1] + node.col_offset
    return base[0] + node.lineno - 1, node.col_offset + 1


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The modules by their first name; of ``from a import b`` both."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    own = [(node.module or "").split(".")[0]] if not node.level else []
    return [*own, *(alias.name for alias in node.names if node.module and "." in node.module)]


@cache
def _index(kind: str) -> tuple[dict[str, list[dict[str, Any]]], list[tuple[str, dict[str, Any]]]]:
    exact: dict[str, list[dict[str, Any]]] = {}
    prefixes: list[tuple[str, dict[str, Any]]] = []
    for rule in data("python.yaml")[kind]:
        for name in rule.get("names", ()):
            if name.endswith(".*"):
                prefixes.append((name[:-1], rule))
            else:
                exact.setdefault(name, []).append(rule)
    return exact, prefixes


def _by_rule(name: str, collector: Collector, place: tuple[int, int], call: ast.Call) -> None:
    exact, prefixes = _index("calls")
    found = list(exact.get(name, ()))
    found += [rule for prefix, rule in prefixes if name.startswith(prefix)]
    if isinstance(call.func, ast.Attribute):
        found += _methods().get(call.func.attr, ())
        found += [rule for pattern, rule in _methods_like() if pattern.fullmatch(call.func.attr)]
        name = name or call.func.attr
    for rule in found:
        if _concerns(rule, name, call):
            _report(rule, name, collector, place)


def _import_by_rule(module: str, collector: Collector, place: tuple[int, int]) -> None:
    for rule in _index("imports")[0].get(module, ()):
        _report(rule, module, collector, place)


def _report(rule: dict[str, Any], name: str, collector: Collector, place: tuple[int, int]) -> None:
    message = rule["message"].replace("{name}", name[:80])
    collector.add(f"python.{rule['id']}", rule["severity"], message, rule["remedy"], place)


@cache
def _methods() -> dict[str, list[dict[str, Any]]]:
    """Rules for methods of objects that are not known by name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for rule in data("python.yaml")["calls"]:
        for name in rule.get("methods", ()):
            found.setdefault(name, []).append(rule)
    return found


@cache
def _methods_like() -> tuple[tuple[re.Pattern[str], dict[str, Any]], ...]:
    rules = data("python.yaml")["calls"]
    return tuple((re.compile(rule["methods_like"]), rule) for rule in rules if "methods_like" in rule)


def _concerns(rule: dict[str, Any], name: str, call: ast.Call) -> bool:
    """Whether the call's constant arguments are those that the rule is about."""
    given = {one.arg: one.value.value for one in call.keywords if isinstance(one.value, ast.Constant)}
    if any(given.get(key) != value for key, value in rule.get("when", {}).items()):
        return False
    if any(given.get(key) == value for key, value in rule.get("unless", {}).items()):
        return False
    if "values" not in rule or not name.endswith(".new"):
        return True
    first = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "name"), None)
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return re.fullmatch(rule["values"], first.value) is not None
    return True


def _check_endless(node: ast.While, collector: Collector, place: tuple[int, int]) -> None:
    leaves = (ast.Break, ast.Return, ast.Raise)
    if not any(isinstance(inner, leaves) for statement in node.body for inner in ast.walk(statement)):
        collector.add("python.endless-loop", "warning", "never ends", "Bound the loop.", place)


def _quality(
    text: str, nodes: list[ast.AST], seen: set[str], collector: Collector, base: tuple[int, int]
) -> Quality:
    changes = bool(collector.effects.writes or collector.effects.states)
    quality = Quality(
        shebang=text.startswith("#!"),
        error_handling=any(isinstance(node, (ast.Try, ast.Raise)) for node in nodes) or "sys.exit" in seen,
        backup=not changes or any(name in _BACKUPS for name in seen),
        logging=any(name.startswith(_LOGS) for name in seen),
        validation=not changes
        or "assert" in seen
        or any(isinstance(node, (ast.Assert, ast.Raise)) for node in nodes),
    )
    if base != (1, 1):
        return quality
    for present, rule, message, remedy in (
        (quality.shebang, "shebang", "has no shebang", "Begin with #!/usr/bin/env python3."),
        (
            quality.error_handling,
            "error-handling",
            "handles no error",
            "Catch what can go wrong, and exit with a code.",
        ),
        (quality.backup, "backup", "changes something before it is backed up", "Copy the old state first."),
        (quality.logging, "logging", "says nothing about what it does", "Print each step."),
        (quality.validation, "validation", "does not check its last change", "Test the result at the end."),
    ):
        if not present:
            collector.add(f"quality.{rule}", "info", message, remedy, base)
    return quality
