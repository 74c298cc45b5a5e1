"""SQL: PostgreSQL by its own grammar, all else by sqlglot; both are imported where SQL comes."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from suture_safety.bounds import BoundExceeded
from suture_safety.sql_rules import check_opaque, check_statement
from suture_safety.sql_tree import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector

_MAX_TOKENS = 50_000
_MAX_NESTING = 60
_MAX_CHARACTERS = 500_000
_META = re.compile(r"^[ \t]*\\(\S*).*$", re.MULTILINE)


def analyse_sql(
    text: str,
    collector: Collector,
    budget: Budget,
    dialect: str = "postgres",
    place: tuple[int, int] = (1, 1),
) -> None:
    """Findings on each statement; ``place`` is where the text begins. Raises ``BoundExceeded``."""
    collector.effects.states.setdefault("database", place)
    text = _without_meta_commands(text, collector, place)
    if dialect == "postgres":
        if _as_postgres(text, collector, budget, place):
            return
        dialect = "mysql" if "`" in text else dialect
    # It warns of every statement that it keeps as text; those are judged, and reported, here.
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import ParseError, TokenError

    language = Dialect.get_or_raise(dialect)
    try:
        tokens = language.tokenize(text)
    except TokenError as error:
        _syntax(collector, place, str(error))
        return
    if len(tokens) > _MAX_TOKENS:
        raise BoundExceeded("bounds.size", f"has more than {_MAX_TOKENS:,} tokens")
    statements = 0
    created: set[str] = set()
    for chunk in _statements(tokens):
        budget.check()
        statements += 1
        where = at(text, chunk[0].start, place)
        try:
            trees = language.parser().parse(chunk, text)
        except ParseError as error:
            detail = error.errors[0] if error.errors else {}
            if not check_opaque(text[chunk[0].start : chunk[-1].end + 1], collector, where):
                _syntax(collector, where, str(detail.get("description") or "cannot be read"))
            continue
        for tree in trees:
            statement = text[chunk[0].start : chunk[-1].end + 1]
            if tree is None:
                continue
            if _is_no_statement(tree) and not check_opaque(statement, collector, where):
                _syntax(collector, where, "it begins with no statement")
            else:
                check_statement(tree, statement, collector, where, created)
    if not statements:
        collector.add("sql.empty", "error", "holds no statement", "Say what is to be done.", place)


def _is_no_statement(tree: Any) -> bool:
    """Whether it is an expression alone, which a misspelt ``SELEC * FRM x`` is read as.

    A name, or a name beside a name, may be a statement that only its own engine knows: ``FLUSH TABLES``.
    """
    from sqlglot import expressions as e

    bare = tree.this if isinstance(tree, e.Alias) else tree
    return isinstance(bare, e.Condition) and not isinstance(bare, (e.Column, e.Query))


def _as_postgres(text: str, collector: Collector, budget: Budget, place: tuple[int, int]) -> bool:
    """Whether the text is PostgreSQL's; then it is judged."""
    from suture_safety.sql_postgres import check_script
    from suture_safety.sql_tree import NotPostgres, parse

    if len(text) > _MAX_CHARACTERS:
        raise BoundExceeded("bounds.size", f"has more than {_MAX_CHARACTERS:,} characters")
    try:
        trees = parse(text)
    except NotPostgres:
        return False
    if trees:
        check_script(trees, text, collector, budget, place)
    return bool(trees)


def _statements(tokens: list[Any]) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    nesting = 0
    for token in tokens:
        kind = token.token_type.name
        if kind == "SEMICOLON":
            if chunk:
                yield chunk
            chunk, nesting = [], 0
            continue
        nesting += (kind in ("L_PAREN", "L_BRACKET", "CASE")) - (kind in ("R_PAREN", "R_BRACKET", "END"))
        if nesting > _MAX_NESTING or _repeats(chunk, kind):
            raise BoundExceeded("bounds.depth", f"is nested deeper than {_MAX_NESTING} levels")
        chunk.append(token)
    if chunk:
        yield chunk


def _repeats(chunk: list[Any], kind: str) -> bool:
    """Long runs of one prefix operator nest without brackets."""
    return (
        kind in ("NOT", "DASH", "TILDA")
        and len(chunk) > _MAX_NESTING
        and all(token.token_type.name == kind for token in chunk[-_MAX_NESTING:])
    )


def _without_meta_commands(text: str, collector: Collector, place: tuple[int, int]) -> str:
    """psql's backslash commands, blanked; those that run programs are errors."""

    def blank(match: re.Match[str]) -> str:
        where = at(text, match.start(), place)
        command, line = match[1], match.group()
        if command.startswith("!") or re.search(r"(?i)\bprogram\b|\|", line):
            collector.add(
                "sql.shell-command",
                "error",
                "runs a program from within psql",
                "Run programs from a bash script.",
                where,
            )
        else:
            collector.add(
                "sql.meta-command",
                "info",
                f"uses psql's own command \\{command[:20]}",
                "Write plain SQL.",
                where,
            )
        return " " * len(line)

    return _META.sub(blank, text) if "\\" in text else text


def _syntax(collector: Collector, place: tuple[int, int], detail: str) -> None:
    detail = detail.replace("\n", " ")[:160]
    collector.add(
        "sql.syntax",
        "error",
        f"SQL cannot be read: {detail}",
        "Fix the syntax; what cannot be read is not run.",
        place,
    )
