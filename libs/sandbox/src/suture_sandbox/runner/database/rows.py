"""Rows as they were and as they were left: copied by the change's own predicate, put back by their key."""

from __future__ import annotations

import json

from suture_sandbox.runner.database.engines import Refused, quoted
from suture_sandbox.runner.tree import hashed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Kept = dict[str, Any]


class Drift(Exception):
    """Someone else changed a row since; the argument says which."""


class TooMany(Exception):
    """More rows than one run may change."""


def change(engine: Any, step: dict[str, Any], most: int) -> Kept:
    """Make one statement's change and keep what it replaced. Raises ``TooMany``, ``Refused``, ``Lost``."""
    kind = step["kind"]
    if kind == "index":
        return _index(engine, step)
    if kind not in ("update", "delete", "insert"):
        engine.run(step["sql"])
        return {"kind": kind}
    table = step["table"]
    columns, key, names = _shape(engine, table)
    before = [] if kind == "insert" else met(engine, step, most, engine.for_update)
    returned = engine.run(f"{step['sql']} RETURNING {engine.shown(names)}")
    if len(returned) > most:
        raise TooMany(f"{table}: {len(returned)} rows; at most {most} may be changed")
    after = [engine.row(names, values) for values in returned]
    kept = {"kind": kind, "table": table, "columns": columns, "key": key, "names": names}
    if kind == "insert":
        return {**kept, "before": [None] * len(after), "after": after}
    # Both by key: the copy and the change must be of the very same rows.
    ours = {_identity(row, key): row for row in after}
    if set(ours) != {_identity(row, key) for row in before}:
        raise Refused(f"{table}: the change meets other rows than its WHERE, or changes their key")
    left = [ours[_identity(row, key)] if kind == "update" else None for row in before]
    return {**kept, "before": before, "after": left}


def _index(engine: Any, step: dict[str, Any]) -> Kept:
    """``index`` is what the change made; ``None`` where IF NOT EXISTS spared one that was there."""
    name = engine.index_name(step["table"], step["index"])
    if step["spared"] and engine.has_index(name):
        return {"kind": "index", "index": None}
    engine.run(step["sql"])
    return {"kind": "index", "index": name}


def met(engine: Any, step: dict[str, Any], most: int, lock: str = "") -> list[dict[str, Any]]:
    """The rows that a statement's WHERE means now. Raises ``TooMany``, ``Refused``, ``Lost``."""
    table, names = step["table"], _shape(engine, step["table"])[2]
    sql = f"SELECT {engine.shown(names)} FROM {table} WHERE {step['where']} LIMIT {most + 1}"
    found = [engine.row(names, values) for values in engine.run(sql + lock)]
    if len(found) > most:
        raise TooMany(f"{table}: more than {most} rows; narrow the WHERE or raise the target's max_rows")
    return found


def words(engine: Any, steps: list[dict[str, Any]], most: int, lock: str = "") -> dict[str, str]:
    """A word for the rows that each statement meets before any of them has run.

    What follows a change of definitions is left out: it may speak of what is not there yet.
    """
    found = {}
    for number, step in enumerate(steps):
        if step["kind"] not in ("update", "delete", "insert"):
            break
        if step["kind"] != "insert":
            lines = sorted(json.dumps(row, sort_keys=True) for row in met(engine, step, most, lock))
            found[f"{step['table']}#{number + 1}"] = hashed("\n".join(lines).encode())
    return found


def _shape(engine: Any, table: str) -> tuple[list[tuple[str, str]], list[str], list[str]]:
    """Columns with their kinds, key, and the names by which rows are kept."""
    columns, key = engine.columns(table), engine.key(table)
    return columns, key, [*(["rowid"] if key == ["rowid"] else []), *(name for name, _ in columns)]


def put_back(engine: Any, kept: Kept) -> None:
    """Bring rows back, each only where it still is as it was left. Raises ``Drift``."""
    if kept["kind"] not in ("update", "delete", "insert"):
        return
    pairs = list(zip(kept["before"], kept["after"], strict=True))
    for before, after in pairs:
        if _now(engine, kept, after or before) != after:
            raise Drift(f"{kept['table']} {_identity(after or before, kept['key'])}")
    for before, after in reversed(pairs):
        _put(engine, kept, before, after)
    for before, after in pairs:
        if _now(engine, kept, before or after) != before:
            raise Drift(f"{kept['table']} {_identity(before or after, kept['key'])}: not as it was")


def _put(engine: Any, kept: Kept, before: Any, after: Any) -> None:
    kinds = {"rowid": "", **dict(kept["columns"])}
    if before is None:
        where, values = _by_key(engine, kept, after, 1)
        engine.run(f"DELETE FROM {kept['table']} WHERE {where}", *values)
        return
    names = kept["names"]
    marks = [engine.mark(number + 1, kinds[name]) for number, name in enumerate(names)]
    values = [engine.back(before[name]) for name in names]
    if after is None:
        listed = ", ".join(quoted(name) for name in names)
        overriding = " OVERRIDING SYSTEM VALUE" if engine.for_update else ""
        sql = f"INSERT INTO {kept['table']} ({listed}){overriding} VALUES ({', '.join(marks)})"
        engine.run(sql, *values)
        return
    changed = [name for name in names if before[name] != after[name] and name not in kept["key"]]
    if not changed:
        return
    marks = [
        f"{quoted(name)} = {engine.mark(number + 1, kinds[name])}" for number, name in enumerate(changed)
    ]
    where, keys = _by_key(engine, kept, before, len(changed) + 1)
    values = [engine.back(before[name]) for name in changed]
    engine.run(f"UPDATE {kept['table']} SET {', '.join(marks)} WHERE {where}", *values, *keys)


def _now(engine: Any, kept: Kept, row: Any) -> Any:
    where, values = _by_key(engine, kept, row, 1)
    sql = f"SELECT {engine.shown(kept['names'])} FROM {kept['table']} WHERE {where}{engine.for_update}"
    found = engine.run(sql, *values)
    return engine.row(kept["names"], found[0]) if found else None


def _by_key(engine: Any, kept: Kept, row: Any, first: int) -> tuple[str, list[Any]]:
    kinds = {"rowid": "", **dict(kept["columns"])}
    parts = [
        f"{quoted(name)} = {engine.mark(first + number, kinds[name])}"
        for number, name in enumerate(kept["key"])
    ]
    return " AND ".join(parts), [engine.back(row[name]) for name in kept["key"]]


def _identity(row: Any, key: list[str]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in key)


def shown(kept: list[Kept], most: int = 19_000) -> str:
    """What changed, row by row, as a difference."""
    lines: list[str] = []
    for one in kept:
        if "table" not in one:
            lines.append(f"# {one['kind']} {one.get('index') or ''}\n")
            continue
        lines.append(f"# {one['table']}: {len(one['before'])} rows\n")
        for before, after in zip(one["before"], one["after"], strict=True):
            lines += [f"-{before}\n"] if before else []
            lines += [f"+{after}\n"] if after else []
    return "".join(lines)[:most]
