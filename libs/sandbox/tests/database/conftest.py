"""SQLite and PostgreSQL, both real, with a table of orders that has something to repair."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pg8000.native
import pytest
import pytest_asyncio
from suture_contracts.script import Limits
from suture_sandbox.database.sandbox import DatabaseSandbox
from suture_sandbox.protocol import RunPlan, RunResult
from suture_sandbox.runner.database.engines import Postgres as Connection
from suture_sandbox.secrets import Secrets
from suture_testkit.postgres import Postgres

ORDERS = """
CREATE TABLE orders (id integer PRIMARY KEY, state text NOT NULL, total numeric(10,2), note text);
INSERT INTO orders VALUES (1, 'stuck', 9.99, NULL), (2, 'stuck', 0.10, 'x''y'), (3, 'paid', 5.00, 'ü "q"');
"""


@dataclass
class Database:
    """``engine`` says which; ``ask`` reads it beside the run."""

    engine: str
    sandbox: DatabaseSandbox
    reach: dict[str, Any]
    dsn: str = ""

    def ask(self, sql: str) -> list[Any]:
        if self.engine == "sqlite":
            with sqlite3.connect(self.reach["path"]) as connection:
                return [list(row) for row in connection.execute(sql).fetchall()]
        found = Connection(self.dsn, 5, 30)
        found.connect()
        try:
            return found.run(sql)
        finally:
            found.close()

    def rows(self, table: str = "orders") -> list[Any]:
        return self.ask(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608

    def claims(self) -> int:
        return int(self.ask("SELECT count(*) FROM suture_claims")[0][0])

    def plan(self, body: str, *, mode: str = "apply", name: str = "", **changes: Any) -> RunPlan:
        name = name or f"run-{uuid4().hex[:8]}"
        fields: dict[str, Any] = {
            "run_id": f"{name}-{mode}",
            "claim_id": name,
            "execution_id": name,
            "mode": mode,
            "target": "orders",
            "kind": "database",
            "reach": self.reach,
            "secret_ref": "orders-db" if self.engine == "postgresql" else None,
            "script_type": "sql",
            "body": body,
            "verify": "SELECT count(*) = 0 FROM orders WHERE state = 'stuck'",
            "limits": Limits(timeout_seconds=20),
            **changes,
        }
        return RunPlan(**fields)

    async def run(self, body: str, **changes: Any) -> RunResult:
        plan = self.plan(body, **changes)
        await self.sandbox.start(plan)
        return await self.sandbox.result(plan.run_id)


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    found = Postgres()
    found.start()
    try:
        yield found
    finally:
        found.stop()


def _postgres(server: Postgres, tmp_path: Path) -> tuple[dict[str, Any], str]:
    name = f"t{uuid4().hex[:12]}"
    admin = Connection(server.dsn, 5, 30)
    admin.connect()
    admin.run(f"CREATE DATABASE {name}")
    admin.close()
    dsn = server.dsn.rpartition("/")[0] + f"/{name}"
    made = Connection(dsn, 5, 30)
    made.connect()
    made.run(ORDERS)
    made.close()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "orders-db").write_text(dsn + "\n")
    return {"engine": "postgresql"}, dsn


def _sqlite(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "orders.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(ORDERS)
    return {"engine": "sqlite", "path": str(path)}


async def _opened(engine: str, tmp_path: Path, reach: dict[str, Any], dsn: str) -> Database:
    sandbox = DatabaseSandbox(tmp_path / "state", Secrets(tmp_path / "secrets"))
    await sandbox.open()
    return Database(engine, sandbox, reach, dsn)


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return await _opened("sqlite", tmp_path, _sqlite(tmp_path), "")
    return await _opened("postgresql", tmp_path, *_postgres(request.getfixturevalue("server"), tmp_path))


@pytest_asyncio.fixture
async def postgres(server: Postgres, tmp_path: Path) -> Database:
    return await _opened("postgresql", tmp_path, *_postgres(server, tmp_path))


@pytest.fixture
def connect(postgres: Database) -> Any:
    """Another client of the same database."""

    def made() -> pg8000.native.Connection:
        user, _, rest = postgres.dsn.removeprefix("postgresql://").partition(":")
        password, _, place = rest.partition("@")
        host, _, tail = place.partition(":")
        port, _, name = tail.partition("/")
        return pg8000.native.Connection(user, host=host, port=int(port), password=password, database=name)

    return made
