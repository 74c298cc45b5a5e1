"""A script of type ``sql``, statement by statement: what each changes, so that it can be put back."""

from __future__ import annotations

import re
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokens import TokenType  # type: ignore[attr-defined]

_MOST_STATEMENTS = 50
_IF_NOT_EXISTS = re.compile(r"(?i)\bif\s+not\s+exists\b")
_DIALECTS = {"postgresql": "postgres", "sqlite": "sqlite"}


def steps(text: str, engine: str, has_rollback: bool) -> list[dict[str, Any]]:
    """Each statement as ``kind``, ``sql`` and, by kind, ``table``, ``where``, ``columns``, ``index``.

    Raises ``ValueError`` for what cannot be taken back, or not be told apart.
    """
    dialect = _DIALECTS[engine]
    found = [_step(one, dialect, has_rollback) for one in split(text, dialect)]
    if not found:
        raise ValueError("body: holds no statement")
    if len(found) > _MOST_STATEMENTS:
        raise ValueError(f"body: holds more than {_MOST_STATEMENTS} statements; split it")
    if any(one["kind"] == "concurrent_index" for one in found) and len(found) > 1:
        raise ValueError("body: CREATE INDEX CONCURRENTLY takes no transaction; write it alone")
    return found


def query(text: str, engine: str) -> str:
    """The one query of a verification. Raises ``ValueError``."""
    dialect = _DIALECTS[engine]
    found = split(text, dialect)
    if len(found) != 1 or not isinstance(_parsed(found[0], dialect), exp.Query):
        raise ValueError("verify: give one SELECT whose first value is true where the fix has worked")
    return found[0]


def split(text: str, dialect: str) -> list[str]:
    """The statements, each as it is written."""
    try:
        tokens = sqlglot.tokenize(text, read=dialect)
    except SqlglotError as error:
        raise ValueError(f"cannot be read: {str(error)[:300]}") from None
    statements, first, last = [], None, 0
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            if first is not None:
                statements.append(text[first : last + 1])
            first = None
            continue
        first = token.start if first is None else first
        last = token.end
    if first is not None:
        statements.append(text[first : last + 1])
    return statements


def _step(sql: str, dialect: str, has_rollback: bool) -> dict[str, Any]:
    node = _parsed(sql, dialect)
    short = " ".join(sql.split())[:80]
    if node.args.get("returning") or node.args.get("with_") or node.args.get("with"):
        raise ValueError(f"body: {short!r}: write it without RETURNING and WITH")
    if isinstance(node, exp.Update | exp.Delete):
        if node.args.get("from_") or node.args.get("from") or node.args.get("using"):
            raise ValueError(f"body: {short!r}: name one table; put the others into a subquery of WHERE")
        where = node.args.get("where")
        if where is None:
            raise ValueError(f"body: {short!r}: changes every row; write a WHERE, if only WHERE true")
        kind = "update" if isinstance(node, exp.Update) else "delete"
        table = _table(node.this, dialect, short)
        return {"kind": kind, "sql": sql, "table": table, "where": where.this.sql(dialect)}
    if isinstance(node, exp.Insert):
        if node.args.get("conflict") or node.args.get("overwrite"):
            raise ValueError(
                f"body: {short!r}: write UPDATE and INSERT apart; ON CONFLICT hides what changes"
            )
        target = node.this.this if isinstance(node.this, exp.Schema) else node.this
        return {"kind": "insert", "sql": sql, "table": _table(target, dialect, short)}
    if isinstance(node, exp.Create) and node.kind == "INDEX":
        name = node.this.args.get("this")
        if name is None:
            raise ValueError(f"body: {short!r}: name the index, so that it can be dropped")
        kind = "concurrent_index" if node.args.get("concurrently") else "index"
        # Whether it is there is asked apart: what was there before must be told from what the run made.
        spared = bool(node.args.get("exists"))
        sql = _IF_NOT_EXISTS.sub(" ", sql, count=1) if spared else sql
        table = _table(node.this.args.get("table"), dialect, short)
        index = name.sql(dialect, identify=True)
        return {"kind": kind, "sql": sql, "index": index, "table": table, "spared": spared}
    if isinstance(node, exp.Create | exp.Alter) and has_rollback:
        return {"kind": "definition", "sql": sql}
    if isinstance(node, exp.Create | exp.Alter):
        raise ValueError(f"body: {short!r}: a change of definitions needs its inverse in rollback")
    raise ValueError(f"body: {short!r}: cannot be taken back; UPDATE, DELETE, INSERT and CREATE INDEX can")


def _parsed(sql: str, dialect: str) -> Any:
    try:
        node = sqlglot.parse_one(sql, read=dialect)
    except (SqlglotError, RecursionError) as error:
        raise ValueError(f"cannot be read: {str(error)[:300]}") from None
    if isinstance(node, exp.Command):
        raise ValueError(f"{sql[:80]!r}: is no statement that can be taken back")
    return node


def _table(node: Any, dialect: str, short: str) -> str:
    if not isinstance(node, exp.Table) or node.args.get("joins") or node.alias:
        raise ValueError(f"body: {short!r}: name one table, without an alias")
    return node.sql(dialect, identify=True) if node.db else str(node.this.sql(dialect, identify=True))
