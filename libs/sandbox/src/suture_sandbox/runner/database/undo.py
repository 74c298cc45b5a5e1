"""How to put rows back by hand: SQL that reads them from the claim, so that no row is in a result."""

from __future__ import annotations

import re

from suture_sandbox.runner.database.engines import CLAIMS, quoted
from suture_sandbox.runner.difference import shell_quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from suture_sandbox.runner.database.rows import Kept

_MOST_CHARACTERS = 19_000
_SERIAL = " OVERRIDING SYSTEM VALUE"


def by_hand(database: dict[str, Any], claim_id: str, steps: list[Kept]) -> str:
    """Shell commands; whoever runs them looks first whether the rows still are as the run left them."""
    postgres = database["engine"] == "postgresql"
    lines = list(database["rollback"])
    for number in range(len(steps) - 1, -1, -1):
        lines += _of_step(steps[number], number, claim_id, postgres)
    if not lines:
        return ""
    text = "\n".join(f"{line};" for line in lines)
    if len(steps) != 1 or steps[0]["kind"] != "concurrent_index":
        text = f"BEGIN;\n{text}\nCOMMIT;"
    if len(text) > _MOST_CHARACTERS:
        return f"# too long to show: the rows as they were are in {CLAIMS}, claim {claim_id}, column kept"
    command = (
        'psql -v ON_ERROR_STOP=1 "$DATABASE"'
        if postgres
        else f"sqlite3 -bail {shell_quoted(database['path'])}"
    )
    return f"{command} <<'SQL'\n{text}\nSQL"


def _of_step(step: Kept, number: int, claim_id: str, postgres: bool) -> list[str]:
    if step["kind"] == "concurrent_index":
        return [f"DROP INDEX CONCURRENTLY IF EXISTS {step['index']}"]
    if step["kind"] == "index":
        return [f"DROP INDEX {step['index']}"] if step["index"] else []
    if step["kind"] not in ("update", "delete", "insert"):
        return []
    side = "after" if step["kind"] == "insert" else "before"
    row = _Rows(step, f"steps,{number},{side}".split(","), claim_id, postgres)
    table, key = step["table"], step["key"]
    same = " AND ".join(f"t.{quoted(name)} = was.{quoted(name)}" for name in key)
    if step["kind"] == "insert":
        return [f"DELETE FROM {table} AS t WHERE EXISTS (SELECT 1 FROM {row.rows} WHERE {same})"]
    if step["kind"] == "delete":
        names = ", ".join(quoted(name) for name in step["names"])
        listed = ", ".join(f"was.{quoted(name)}" for name in step["names"])
        overriding = _SERIAL if postgres else ""
        return [f"INSERT INTO {table} ({names}){overriding} SELECT {listed} FROM {row.rows}"]
    changed = [name for name in step["names"] if name not in key and _differs(step, name)]
    sets = ", ".join(f"{quoted(name)} = was.{quoted(name)}" for name in changed)
    return [f"UPDATE {table} AS t SET {sets} FROM {row.rows} WHERE {same}"] if sets else []


def _differs(step: Kept, name: str) -> bool:
    pairs = zip(step["before"], step["after"], strict=True)
    return any(before[name] != after[name] for before, after in pairs)


class _Rows:
    """The kept rows as a table ``was``."""

    def __init__(self, step: Kept, path: list[str], claim_id: str, postgres: bool) -> None:
        where = f"WHERE claim_id = {_text(claim_id)}"
        if postgres:
            place = "{" + ",".join(path) + "}"
            items = f"jsonb_array_elements(kept::jsonb #> '{place}') AS item"
            self.rows = (
                f"(SELECT one.* FROM {CLAIMS}, {items},"
                f" jsonb_populate_record(NULL::{step['table']}, item) AS one {where}) AS was"
            )
            return
        place = f"$.{path[0]}[{path[1]}].{path[2]}"
        names = ", ".join(f"{_extracted(name)} AS {quoted(name)}" for name in step["names"])
        self.rows = f"(SELECT {names} FROM {CLAIMS}, json_each(kept, '{place}') {where}) AS was"


def _extracted(name: str) -> str:
    place = _text('$."' + re.sub(r'(["\\])', r"\\\1", name) + '"')
    # Bytes are kept as {"hex": …}.
    return (
        f"iif(json_type(value, {place}) = 'object', unhex(json_extract(value, {place} || '.hex')),"
        f" json_extract(value, {place}))"
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
