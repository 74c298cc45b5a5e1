"""What a text of SQL has done so far, and the findings on it, by the rules of ``rules/sql.yaml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from suture_safety.rulebook import data

if TYPE_CHECKING:
    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector
    from suture_safety.sql_tree import Node


@cache
def _rules() -> dict[str, dict[str, Any]]:
    return {entry["id"]: entry for entry in data("sql.yaml")["postgres"]}


@dataclass(slots=True)
class Script:
    """``place`` is where the text begins in the file, ``where`` the statement that is looked at."""

    text: str
    collector: Collector
    budget: Budget
    place: tuple[int, int]
    count: int = 0
    created: set[str] = field(default_factory=set)
    unvalidated: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)
    in_transaction: bool = False
    where: tuple[int, int] = (1, 1)

    def report(self, rule: str, message: str | None = None) -> None:
        """Adds the finding of a rule; ``message`` where it says more than the rule's own."""
        entry = _rules()[rule]
        self.collector.add(
            f"sql.{rule}", entry["severity"], message or entry["message"], entry["remedy"], self.where
        )

    def is_new(self, statement: Node) -> bool:
        """Whether the statement's table was made by this text: it is empty, and nobody waits for it."""
        return table_of(statement) in self.created

    def expect_guard(self, guard: object) -> None:
        """Reports a statement without IF (NOT) EXISTS that fails when it is run again after a failure."""
        if not guard and not self.in_transaction and self.count > 1:
            self.report("not-repeatable")

    def expect_timeouts(self) -> None:
        """Reports a statement that waits for its lock without a limit."""
        if not {"lock_timeout", "statement_timeout"} <= self.settings:
            self.report("no-timeout")


def table_of(statement: Node) -> str:
    """The name of the table that a statement is about."""
    return str(statement.get("relation", {}).get("relname", "")).lower()
