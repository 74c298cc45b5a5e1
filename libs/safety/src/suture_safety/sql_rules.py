"""What is dangerous in one SQL statement."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from suture_safety.rulebook import data

if TYPE_CHECKING:
    from sqlglot.expressions import Expr
    from suture_contracts.report import Level

    from suture_safety.collector import Collector

_KEEP = "Rename it, or keep a copy, and let a person remove it."
_FILE_FUNCTIONS = re.compile(
    r"(?i)\b(pg_read_file|pg_read_binary_file|pg_ls_dir|lo_import|lo_export|pg_execute_server_program|load_file"
    r"|xp_cmdshell|sys_exec|sys_eval|sleep|benchmark|fts3_tokenizer|writefile|readfile|utl_\w+\.\w+|dblink(?:_exec|_connect)?|pg_terminate_backend|pg_sleep|load_extension)\s*\("
    r"|\binto\s+(?:out|dump)file\b"
)


@cache
def _patterns(kind: str) -> tuple[tuple[re.Pattern[str], dict[str, Any]], ...]:
    flags = re.IGNORECASE | re.DOTALL
    return tuple((re.compile(entry["pattern"], flags), entry) for entry in data("sql.yaml")[kind])


def _report(entry: dict[str, Any], collector: Collector, place: tuple[int, int]) -> None:
    collector.add(f"sql.{entry['id']}", entry["severity"], entry["message"], entry["remedy"], place)


_SETTING = re.compile(
    r"(?is)(?:SET|PRAGMA)\s+(?:(?:GLOBAL|SESSION|LOCAL|PERSIST(?:_ONLY)?)\s+|@@(?:\w+\s*\.)?)?(?:\w+\.)?(\w+)"
    r"\s*(?::?=|\bTO\b|\(|\s)\s*['\"]?([\w, ]*)"
)
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_SYSTEM_TABLE = re.compile(
    r"(?:pg_catalog|information_schema|mysql|sys|performance_schema)\.\w+|pg_(?!temp)\w+|sqlite_(?:master|schema)"
)


def guard(name: str, value: str) -> dict[str, str] | None:
    """The rule that a setting breaks, as its entry; ``None`` where the value guards as well as any other."""
    text = f"{name} {value}".lower()
    for pattern, entry in _patterns("guards"):
        if pattern.search(text):
            found: dict[str, str] = next(
                one for one in data("sql.yaml")["postgres"] if one["id"] == entry["id"]
            )
            return found
    return None


def is_system_table(name: str) -> bool:
    """Whether a table, with its schema where that is given, is the database's own."""
    return _SYSTEM_TABLE.fullmatch(name.lower()) is not None


def check_opaque(text: str, collector: Collector, place: tuple[int, int]) -> bool:
    """Judges a statement by its first words; false when they are unknown."""
    plain = _COMMENT.sub(" ", text)
    if (setting := _SETTING.match(plain)) and (broken := guard(setting[1], setting[2].strip())):
        _report(broken, collector, place)
    for pattern, entry in _patterns("statements"):
        if pattern.match(plain) or pattern.match(text):
            if "id" in entry:
                _report(entry, collector, place)
            return True
    if re.match(r"(?i)ALTER\s+(?:TABLE|TYPE|INDEX|SEQUENCE|DOMAIN)\b", text):
        check_alteration(text, collector, place)
        return True
    return False


def check_alteration(text: str, collector: Collector, place: tuple[int, int]) -> None:
    found = False
    for pattern, entry in _patterns("alterations"):
        if pattern.search(text):
            found = True
            _report(entry, collector, place)
    if not found:
        collector.add("sql.alter", "info", "changes the schema", "Keep the inverse statement at hand.", place)


def check_statement(
    tree: Expr, text: str, collector: Collector, place: tuple[int, int], created: set[str]
) -> None:
    """Judges one parsed statement and those nested in it; ``created``: tables that the text itself makes."""
    from sqlglot import expressions as e

    table = tree.find(e.Table) if isinstance(tree, (e.Create, e.Alter)) else None
    name = table.name.lower() if table is not None else ""
    if isinstance(tree, e.Create) and str(tree.args.get("kind")).upper() == "TABLE":
        created.add(name)
    elif name in created:
        return  # a table that is new is empty, and nobody waits for it

    if found := _FILE_FUNCTIONS.search(text):
        collector.add(
            "sql.dangerous-function",
            "error",
            f"calls {found.group()[:40]}: it reaches beyond the data",
            "Remove the call.",
            place,
        )
    for nested in tree.find_all(e.Delete, e.Update):
        _unbounded(nested, collector, place)
    if isinstance(tree, e.Drop):
        _drop(tree, collector, place)
    elif isinstance(tree, e.TruncateTable):
        collector.add("sql.truncate", "error", "empties a table", "Delete by a condition.", place)
    elif isinstance(tree, e.Alter):
        check_alteration(text, collector, place)
    elif isinstance(tree, (e.Grant, e.Revoke)):
        _grant(text, collector, place)
    elif isinstance(tree, e.Copy) and re.search(r"(?i)\bprogram\b", text):
        check_opaque(text, collector, place)
    elif isinstance(tree, e.Create):
        _create(tree, text, collector, place)
    elif not isinstance(tree, (e.Query, e.DML, e.Merge)) and not check_opaque(text, collector, place):
        collector.effects.complete = False
        collector.add(
            "sql.not-analysed",
            "warning",
            "is a statement that is not analysed",
            "Write a plain statement.",
            place,
        )


def _unbounded(statement: Expr, collector: Collector, place: tuple[int, int]) -> None:
    from sqlglot import expressions as e

    table = statement.find(e.Table)
    if table is not None and is_system_table(f"{table.db}.{table.name}".lstrip(".")):
        message = "changes the database's own tables by hand"
        remedy = "Use the statement that the server has for it."
        collector.add("sql.system-catalog", "error", message, remedy, place)
    where = statement.args.get("where")
    verb = "deletes" if isinstance(statement, e.Delete) else "changes"
    rule = "delete-all" if verb == "deletes" else "update-all"
    if where is None:
        message, remedy = f"{verb} every row: there is no WHERE", "Say which rows with WHERE."
    elif not list(where.find_all(e.Column)) and not list(where.find_all(e.Select)):
        message, remedy = f"{verb} every row: its WHERE names no column", "Say which rows with WHERE."
    else:
        return
    collector.add(f"sql.{rule}", "error", message, remedy, place)


def _drop(tree: Expr, collector: Collector, place: tuple[int, int]) -> None:
    kind = str(tree.args.get("kind") or "").upper()
    if kind in ("TABLE", "DATABASE", "SCHEMA", "TABLESPACE", "ROLE", "USER") and not tree.args.get(
        "temporary"
    ):
        collector.add("sql.drop", "error", f"drops a {kind.lower()} and all that is in it", _KEEP, place)
    elif kind == "INDEX" and tree.args.get("concurrently"):
        collector.add("sql.drop-index", "info", "drops an index", "Keep its definition at hand.", place)
    else:
        what = kind.lower() or "object"
        collector.add("sql.drop-object", "warning", f"drops a {what} that queries may need", _KEEP, place)


def _grant(text: str, collector: Collector, place: tuple[int, int]) -> None:
    everything = re.search(
        r"(?i)\bALL\b(?:\s+PRIVILEGES)?\s+ON\b|\bTO\s+PUBLIC\b|WITH\s+(?:GRANT|ADMIN)\s+OPTION|SUPER\b", text
    )
    severity: Level = "error" if everything and text.lstrip()[:5].upper() == "GRANT" else "warning"
    collector.add(
        "sql.grant",
        severity,
        "changes who may do what",
        "Let the access policy of the database grant it.",
        place,
    )


def _create(tree: Expr, text: str, collector: Collector, place: tuple[int, int]) -> None:
    kind = str(tree.args.get("kind") or "").upper()
    if kind == "INDEX" and not tree.args.get("concurrently") and not re.search(r"(?i)\bCONCURRENTLY\b", text):
        collector.add(
            "sql.blocking-index",
            "warning",
            "blocks writes while the index is built",
            "CREATE INDEX CONCURRENTLY.",
            place,
        )
    elif kind in ("FUNCTION", "PROCEDURE", "TRIGGER"):
        collector.add(
            "sql.stored-code",
            "warning",
            f"stores a {kind.lower()} whose body is not analysed",
            "Write plain statements.",
            place,
        )
    elif kind in ("ROLE", "USER"):
        check_opaque(text, collector, place)
    elif tree.args.get("replace"):
        collector.add(
            "sql.replace",
            "warning",
            f"replaces a {kind.lower()}: the old one is lost",
            "Keep the old definition.",
            place,
        )
