"""Database templates on a real PostgreSQL: the check fails before and passes after; rollback restores."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from suture_contracts.script import ScriptDocument
from suture_generation.catalog import released_templates
from suture_generation.render import CompiledTemplate
from suture_sandbox.database.sandbox import DatabaseSandbox
from suture_sandbox.protocol import RunPlan
from suture_sandbox.secrets import Secrets
from suture_testkit.postgres import Postgres

TEMPLATES = {template.id: template for template in released_templates()}
ORDERS = """
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer, status text);
ALTER TABLE orders SET (autovacuum_enabled = false);
INSERT INTO orders SELECT n, n % 7, CASE WHEN n % 5 = 0 THEN 'shiped' ELSE 'shipped' END
  FROM generate_series(1, 2000) AS n;
"""
ROWS = "SELECT id, customer_id, status FROM orders ORDER BY id"
INDEXES = (
    "SELECT indexrelid::regclass, indisvalid FROM pg_index WHERE indrelid = 'orders'::regclass ORDER BY 1"
)


_PSQL = ("psql", "service=orders", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1")
BOTH_ENGINES = ("sql-wrong-value", "liquibase-lock", "flyway-failed-migration")


class Database:
    """A database that scripts reach by the name ``orders`` in a service file."""

    def __init__(self, server: Postgres, folder: Path) -> None:
        self._state = folder / "state"
        at = urlsplit(server.dsn)
        lines = (f"host={at.hostname}", f"port={at.port}", f"user={at.username}", f"password={at.password}")
        (folder / "services").write_text("\n".join(("[orders]", "dbname=postgres", *lines)) + "\n")
        self._environment = {**os.environ, "PGSERVICEFILE": str(folder / "services")}

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        moved = text.replace("/var/backups/suture", str(self._state))
        return subprocess.run(
            ["bash", "-c", moved],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def begin(self, sql: str) -> subprocess.Popen[str]:
        """A session of somebody else, which goes on beside."""
        command = [*_PSQL, "-c", sql]
        return subprocess.Popen(
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def ask(self, sql: str) -> str:
        answer = subprocess.run(
            _PSQL, env=self._environment, input=sql, capture_output=True, text=True, check=False, timeout=60
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    running = Postgres()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def database(server: Postgres, tmp_path: Path) -> Database:
    made = Database(server, tmp_path)
    made.ask(ORDERS)
    return made


def unindexed(database: Database) -> dict[str, Any]:
    return {"table": "orders", "column": "customer_id"}


def half_migrated(database: Database) -> dict[str, Any]:
    database.ask("CREATE INDEX orders_customer ON orders (customer_id)")
    database.ask("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_customer'::regclass")
    return {"index": "orders_customer"}


def misspelt(database: Database) -> dict[str, Any]:
    return {"table": "orders", "key": "id", "column": "status", "wrong": "shiped", "right": "shipped"}


def bloated(database: Database) -> dict[str, Any]:
    database.ask("UPDATE orders SET status = status; UPDATE orders SET status = status;")
    database.ask("SELECT pg_stat_force_next_flush(); SELECT pg_sleep(0.5)")
    return {"table": "orders"}


def script(template_id: str, **values: Any) -> ScriptDocument:
    return CompiledTemplate(TEMPLATES[template_id]).render({"connection": "orders", **values})


@pytest.mark.parametrize(
    ("template_id", "prepare", "restores"),
    [
        ("postgres-missing-index", unindexed, True),
        ("postgres-wrong-data", misspelt, True),
        ("postgres-invalid-index", half_migrated, False),
        ("postgres-bloat", bloated, False),
    ],
)
def test_a_fix_turns_its_check_from_failing_to_passing(
    template_id: str, prepare: Callable[[Database], dict[str, Any]], restores: bool, database: Database
) -> None:
    fix = script(template_id, **prepare(database))
    before = (database.ask(ROWS), database.ask(INDEXES))

    assert database.run(fix.verify).returncode != 0
    applied = database.run(fix.body)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert database.run(fix.verify).returncode == 0

    taken_back = database.run(fix.rollback)
    assert taken_back.returncode == 0, taken_back.stdout + taken_back.stderr
    assert ((database.ask(ROWS), database.ask(INDEXES)) == before) or not restores
    assert (database.run(fix.verify).returncode != 0) is restores


def test_more_wrong_rows_than_allowed_are_left_as_they_are(database: Database) -> None:
    before = database.ask(ROWS)
    refused = database.run(script("postgres-wrong-data", **misspelt(database), at_most=10).body)
    assert (refused.returncode, "nothing was changed" in refused.stderr + refused.stdout) == (3, True)
    assert database.ask(ROWS) == before


def test_a_row_that_was_changed_since_stays_as_it_is(database: Database) -> None:
    fix = script("postgres-wrong-data", **misspelt(database))
    assert database.run(fix.body).returncode == 0
    database.ask("UPDATE orders SET status = 'returned' WHERE id = 5")
    assert database.run(fix.rollback).returncode == 0
    assert database.ask("SELECT status FROM orders WHERE id IN (5, 10) ORDER BY id") == "returned\nshiped\n"


def test_a_second_run_is_taken_back_to_what_it_found_itself(database: Database) -> None:
    fix = script("postgres-wrong-data", **misspelt(database))
    assert database.run(fix.body).returncode == 0
    database.ask("UPDATE orders SET status = 'shiped' WHERE id IN (1, 2)")
    before = database.ask(ROWS)
    assert database.run(fix.body).returncode == 0
    assert database.run(fix.rollback).returncode == 0
    assert database.ask(ROWS) == before


def test_a_statement_that_blocks_others_is_cancelled_and_a_shorter_one_is_not(database: Database) -> None:
    fix = script("postgres-lock", running_seconds=10)
    blocker = database.begin("BEGIN; LOCK TABLE orders; SELECT pg_sleep(120)")
    until(lambda: "pg_sleep" in database.ask("SELECT query FROM pg_stat_activity WHERE state = 'active'"))
    waiter = database.begin("SELECT count(*) FROM orders")
    until(lambda: database.ask("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1\n")

    assert database.run(fix.verify).returncode == 0, "it runs for less than ten seconds yet"
    until(lambda: database.run(fix.verify).returncode != 0)
    applied = database.run(fix.body)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert database.run(fix.verify).returncode == 0
    assert waiter.communicate(timeout=20)[0] == "2000\n"
    assert "canceling statement" in blocker.communicate(timeout=20)[1]


def test_a_replica_whose_replay_was_paused_catches_up_and_is_paused_again_by_the_rollback(
    database: Database, server: Postgres, tmp_path: Path
) -> None:
    (tmp_path / "replica").mkdir()
    standby = Postgres(replica_of=server)
    standby.start()
    try:
        replica = Database(standby, tmp_path / "replica")
        replica.ask("SELECT pg_wal_replay_pause()")
        database.ask("INSERT INTO orders VALUES (9999, 1, 'new')")
        fix = script("postgres-replication")

        assert replica.run(fix.verify).returncode != 0
        applied = replica.run(fix.body)
        assert applied.returncode == 0, applied.stdout + applied.stderr
        assert replica.run(fix.verify).returncode == 0
        until(lambda: replica.ask("SELECT status FROM orders WHERE id = 9999") == "new\n")

        assert replica.run(fix.rollback).returncode == 0
        assert replica.run(fix.verify).returncode != 0
        assert database.run(fix.verify).returncode != 0, "a primary replays nothing"
    finally:
        standby.stop()


@pytest.mark.parametrize("template_id", BOTH_ENGINES)
async def test_an_sql_template_mends_a_postgresql_target_and_is_taken_back_row_for_row(
    template_id: str, database: Database, server: Postgres, tmp_path: Path
) -> None:
    template = TEMPLATES[template_id]
    database.ask(f"DROP SCHEMA public CASCADE; CREATE SCHEMA public; {template.fixtures[0].sql}")
    table = database.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").strip()
    before = database.ask(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608
    (tmp_path / "orders-db").write_text(server.dsn)
    sandbox = DatabaseSandbox(tmp_path / "runs", Secrets(tmp_path))
    await sandbox.open()
    document = CompiledTemplate(template).render(dict(template.examples[0]))
    plan = RunPlan(
        run_id="fix", claim_id="fix", execution_id="fix", mode="apply", target="orders", kind="database",
        reach={"engine": "postgresql"}, secret_ref="orders-db", script_type="sql", body=document.body,
        rollback=document.rollback, verify=document.verify,
    )  # fmt: skip

    await sandbox.start(plan)
    assert (await sandbox.result("fix")).outcome == "succeeded"
    assert database.ask(f"SELECT * FROM {table} ORDER BY 1") != before  # noqa: S608
    await sandbox.start(plan.model_copy(update={"run_id": "back", "mode": "rollback"}))
    assert (await sandbox.result("back")).outcome == "rolled_back"
    assert database.ask(f"SELECT * FROM {table} ORDER BY 1") == before  # noqa: S608


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < end, "it did not come about in 40 seconds"
        time.sleep(0.3)
