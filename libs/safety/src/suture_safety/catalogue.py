"""Every rule with its description, whatever language it is of: for the rules page, SARIF and --explain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from suture_safety.rulebook import data, rulebook

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Description:
    """``fires`` and ``silent``: texts of ``language`` on which it does, and does not."""

    id: str
    severity: str
    language: str
    why: str
    remedy: str
    fires: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    reference: str = ""


@cache
def catalogue() -> dict[str, Description]:
    """All rules by id, in the order of their ids."""
    families = (_of_bash(), _of_python(), _of_powershell(), _of_sql(), _described())
    found = {one.id: one for family in families for one in family}
    return dict(sorted(found.items()))


def description(rule_id: str) -> Description | None:
    return catalogue().get(rule_id)


def _of_bash() -> Iterator[Description]:
    for rule in rulebook().rules:
        yield Description(
            rule.id, rule.severity, "bash", rule.why, rule.remedy, rule.fires, rule.silent, rule.reference
        )


def _of_python() -> Iterator[Description]:
    content = data("python.yaml")
    for rule in (*content["calls"], *content["imports"]):
        yield _from(f"python.{rule['id']}", "python", rule, rule["message"].replace("{name}", "such a call"))


def _of_powershell() -> Iterator[Description]:
    for rule in data("powershell.yaml")["rules"]:
        yield _from(f"powershell.{rule['id']}", "powershell", rule, rule["why"])


def _of_sql() -> Iterator[Description]:
    for rule in data("sql.yaml")["postgres"]:
        message = rule["message"]
        yield _from(f"sql.{rule['id']}", "sql", rule, f"{message[:1].upper()}{message[1:]}.")


def _described() -> Iterator[Description]:
    for rule in data("described.yaml")["rules"]:
        yield _from(rule["id"], rule["language"], rule, rule["why"])


def _from(rule_id: str, language: str, rule: dict[str, Any], why: str) -> Description:
    return Description(
        rule_id,
        rule["severity"],
        language,
        why,
        rule["remedy"],
        _texts(rule.get("fires")),
        _texts(rule.get("silent")),
        rule.get("reference", ""),
    )


def _texts(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)
