"""SQLite and PostgreSQL behind what a run needs; values are what JSON can hold, and compare as such."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from urllib.parse import unquote, urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    Row = dict[str, Any]

    class Engine(Protocol):
        """One connection. ``run`` takes ``$1``-like parameters as the engine writes them, see ``mark``."""

        def connect(self) -> None: ...
        def close(self) -> None: ...
        def begin(self) -> None: ...
        def commit(self) -> None: ...
        def rollback(self) -> None: ...
        def run(self, sql: str, *values: Any) -> list[Any]: ...
        def mark(self, number: int, kind: str = "") -> str: ...
        def columns(self, table: str) -> list[tuple[str, str]]: ...
        def key(self, table: str) -> list[str]: ...
        def shown(self, columns: list[str]) -> str: ...
        def row(self, columns: list[str], values: Any) -> Row: ...
        def has_claims(self) -> bool: ...
        def index_name(self, table: str, index: str) -> str: ...
        def has_index(self, name: str) -> bool: ...


CLAIMS = "suture_claims"
CLAIMS_TABLE = (
    f"CREATE TABLE IF NOT EXISTS {CLAIMS} (claim_id text PRIMARY KEY, execution_id text, target text,"
    " state text NOT NULL, kept text, result text)"
)


class Lost(Exception):
    """The connection broke: what was asked last may or may not have been done."""


class Refused(Exception):
    """The database said no."""


class Duplicate(Refused):
    """A key is taken."""


class Sqlite:
    for_update = ""

    def __init__(self, path: str, lock_seconds: float, seconds: float) -> None:
        import sqlite3

        self._sqlite = sqlite3
        self._path = path
        self._lock_seconds = lock_seconds
        self._seconds = seconds
        self._until = float("inf")
        self._connection: Any = None

    def connect(self) -> None:
        found = os.lstat(self._path)
        if not stat.S_ISREG(found.st_mode):
            raise Refused(f"{self._path} is no regular file")
        self._connection = self._sqlite.connect(self._path, self._lock_seconds, isolation_level=None)
        self._connection.set_progress_handler(lambda: time.monotonic() > self._until, 10_000)
        self._connection.set_authorizer(self._allowed)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def begin(self) -> None:
        self._until = time.monotonic() + self._seconds
        self.run("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        self._until = float("inf")
        if self._connection is not None and self._connection.in_transaction:
            self.run("ROLLBACK")

    def run(self, sql: str, *values: Any) -> list[Any]:
        try:
            cursor = self._connection.execute(sql, values)
            return list(cursor.fetchall())
        except self._sqlite.IntegrityError as error:
            raise Duplicate(str(error)) from None
        except self._sqlite.Error as error:
            raise Refused(str(error)) from None

    def mark(self, number: int, kind: str = "") -> str:
        return "?"

    def columns(self, table: str) -> list[tuple[str, str]]:
        found = self.run("SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden = 0", _bare(table))
        if not found:
            raise Refused(f"no such table: {table}")
        return [(str(name), str(kind)) for name, kind in found]

    def key(self, table: str) -> list[str]:
        found = self.run("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", _bare(table))
        return [str(name) for (name,) in found] or ["rowid"]

    def shown(self, columns: list[str]) -> str:
        return ", ".join(quoted(name) for name in columns)

    def row(self, columns: list[str], values: Any) -> Row:
        return {
            name: {"hex": value.hex()} if isinstance(value, bytes) else value
            for name, value in zip(columns, values, strict=True)
        }

    def has_claims(self) -> bool:
        return bool(self.run("SELECT 1 FROM sqlite_master WHERE name = ?", CLAIMS))

    def index_name(self, table: str, index: str) -> str:
        return index

    def has_index(self, name: str) -> bool:
        return bool(self.run("SELECT 1 FROM sqlite_master WHERE name = ? COLLATE NOCASE", _bare(name)))

    def back(self, value: Any) -> Any:
        return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value

    def _allowed(self, action: int, *_: object) -> int:
        denied = (self._sqlite.SQLITE_ATTACH, self._sqlite.SQLITE_DETACH)
        return int(self._sqlite.SQLITE_DENY if action in denied else self._sqlite.SQLITE_OK)


class Postgres:
    for_update = " FOR UPDATE"

    def __init__(self, dsn: str, lock_seconds: float, seconds: float) -> None:
        self._dsn = dsn
        self._lock_seconds = lock_seconds
        self._seconds = seconds
        self._connection: Any = None

    def connect(self) -> None:
        import pg8000.exceptions
        import pg8000.native

        self._problems = pg8000.exceptions
        parts = urlsplit(self._dsn)
        if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
            raise Refused(
                "the secret is no address of the form postgresql://user:password@host:port/database"
            )
        try:
            self._connection = pg8000.native.Connection(  # type: ignore[no-untyped-call]
                unquote(parts.username or ""), host=parts.hostname, port=parts.port or 5432,
                password=unquote(parts.password or "") or None, database=parts.path.lstrip("/") or None,
                timeout=self._seconds + 30, application_name="suture", tcp_keepalive=True,
            )  # fmt: skip
        except self._problems.DatabaseError as error:
            raise Refused(_said(error)) from None
        except (OSError, self._problems.InterfaceError) as error:
            raise Lost(str(error)) from None

    def close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
        self._connection = None

    def begin(self) -> None:
        self.run("BEGIN")
        self.run(f"SET LOCAL lock_timeout = {int(self._lock_seconds * 1000)}")
        self.run(f"SET LOCAL statement_timeout = {int(self._seconds * 1000)}")
        self.run(f"SET LOCAL idle_in_transaction_session_timeout = {int((self._seconds + 60) * 1000)}")

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        if self._connection is not None:
            with suppress(Lost, Refused):
                self.run("ROLLBACK")

    def run(self, sql: str, *values: Any) -> list[Any]:
        if self._connection is None:
            raise Lost("the connection is closed")
        try:
            if values:
                found = self._connection.execute_unnamed(sql, values, tuple(0 for _ in values))
            else:
                found = self._connection.execute_simple(sql)
        except self._problems.DatabaseError as error:
            code = error.args[0].get("C") if error.args and isinstance(error.args[0], dict) else ""
            raise (Duplicate if code == "23505" else Refused)(_said(error)) from None
        except (OSError, self._problems.InterfaceError) as error:
            self.close()
            raise Lost(str(error) or type(error).__name__) from None
        return list(found.rows or [])

    def mark(self, number: int, kind: str = "") -> str:
        return f"CAST(${number} AS {kind})" if kind else f"${number}"

    def columns(self, table: str) -> list[tuple[str, str]]:
        found = self.run(
            "SELECT attname::text, format_type(atttypid, atttypmod)::text FROM pg_attribute"
            " WHERE attrelid = CAST($1 AS regclass) AND attnum > 0 AND NOT attisdropped"
            " AND attgenerated = '' ORDER BY attnum",
            table,
        )
        return [(str(name), str(kind)) for name, kind in found]

    def key(self, table: str) -> list[str]:
        found = self.run(
            "SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
            " AND a.attnum = ANY(i.indkey) WHERE i.indrelid = CAST($1 AS regclass) AND i.indisprimary",
            table,
        )
        if not found:
            raise Refused(f"{table} has no primary key: its rows cannot be told apart")
        return [str(name) for (name,) in found]

    def shown(self, columns: list[str]) -> str:
        return ", ".join(f"{quoted(name)}::text" for name in columns)

    def row(self, columns: list[str], values: Any) -> Row:
        return dict(zip(columns, values, strict=True))

    def has_claims(self) -> bool:
        return bool(self.run(f"SELECT 1 WHERE to_regclass('{CLAIMS}') IS NOT NULL"))

    def index_name(self, table: str, index: str) -> str:
        """With its schema, which is the table's: another schema may have one of the same name."""
        found = self.run(
            "SELECT quote_ident(n.nspname)::text FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = CAST($1 AS regclass)",
            table,
        )
        return f"{found[0][0]}.{index}"

    def has_index(self, name: str) -> bool:
        return bool(self.run("SELECT 1 WHERE to_regclass($1) IS NOT NULL", name))

    def back(self, value: Any) -> Any:
        return value


def quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _bare(table: str) -> str:
    return table.rpartition(".")[2].strip('"').replace('""', '"')


def _said(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return str(first.get("M", first) if isinstance(first, dict) else first)[:1_000]
