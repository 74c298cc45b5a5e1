"""Whatever id a finding carries, ``--explain`` and the rules page know it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from suture_safety import analyse
from suture_safety.catalogue import catalogue
from suture_safety.rulebook import data
from suture_safety.text_types import TEXT_TYPES

SOURCES = sorted(Path(str(files("suture_safety"))).rglob("*.py"))
FAMILIES = {rule.partition(".")[0] for rule in catalogue()}
DESCRIBED = data("described.yaml")["rules"]
# The family that a module's own `add` and `report` put before the name.
PREFIXES = {"kubernetes": "kubernetes", "pod_security": "kubernetes"} | dict.fromkeys(
    ("sql_changes", "sql_postgres", "sql_script", "sql_tables"), "sql"
)


def constants(node: ast.expr) -> Iterator[str]:
    """The texts that an argument may be: itself, or each branch of a choice."""
    if isinstance(node, ast.IfExp):
        yield from (*constants(node.body), *constants(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def emitted(source: Path) -> Iterator[str]:
    """Rule ids in a module: texts that begin with a family, and names given to its own ``add``."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            family, dot, name = node.value.partition(".")
            if dot and family in FAMILIES and re.fullmatch(r"[a-z][a-z-]+", name) and name != "yaml":
                yield node.value
        elif isinstance(node, ast.Call) and node.args and source.stem in PREFIXES:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("add", "report"):
                for name in constants(node.args[0]):
                    yield name if "." in name else f"{PREFIXES[source.stem]}.{name}"


def test_every_rule_that_the_code_can_report_is_described() -> None:
    found = {rule for source in SOURCES for rule in emitted(source)}
    found |= {f"sql.{rule['id']}" for rules in data("sql.yaml").values() for rule in rules if rule.get("id")}
    assert len(found) > 120
    assert sorted(found - set(catalogue())) == []


def test_every_line_of_the_catalogue_says_why_and_what_to_do() -> None:
    for one in catalogue().values():
        assert one.severity in ("error", "warning", "info"), one.id
        assert one.why.strip(), one.id
        assert one.remedy.strip(), one.id


def test_no_rule_is_described_twice() -> None:
    ids = [rule["id"] for rule in DESCRIBED]
    assert len(set(ids)) == len(ids)
    elsewhere = {f"sql.{rule['id']}" for rule in data("sql.yaml")["postgres"]}
    assert not elsewhere & set(ids)


@pytest.mark.parametrize("rule", [one for one in DESCRIBED if "fires" in one], ids=lambda one: str(one["id"]))
def test_a_described_rule_fires_and_keeps_silent_as_its_examples_say(rule: dict[str, str]) -> None:
    kind = next(one for one in TEXT_TYPES if one == rule["language"])
    fired = {(one.rule_id, one.severity) for one in analyse(rule["fires"], kind).findings}
    assert (rule["id"], rule["severity"]) in fired
    assert rule["id"] not in {one.rule_id for one in analyse(rule["silent"], kind).findings}
