"""Rules of SQL by their names: severity, message and remedy, from ``rules/sql.yaml``."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from suture_safety.rulebook import data

if TYPE_CHECKING:
    from suture_safety.collector import Collector


@cache
def _by_name() -> dict[str, dict[str, Any]]:
    return {entry["id"]: entry for entry in data("sql.yaml")["postgres"]}


def report(name: str, collector: Collector, place: tuple[int, int], message: str | None = None) -> None:
    """Adds the finding of a rule; ``message`` where it says more than the rule's own."""
    entry = _by_name()[name]
    collector.add(f"sql.{name}", entry["severity"], message or entry["message"], entry["remedy"], place)
