"""SQL on real databases: changed in one transaction with its claim, and put back row for row."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

FIX = "UPDATE orders SET state = 'open', note = 'mended' WHERE state = 'stuck'"


async def test_a_change_is_made_kept_and_put_back_row_for_row(database) -> None:
    before = database.rows()
    result = await database.run(FIX, name="one")
    assert (result.outcome, result.detail) == ("succeeded", "")
    assert [row[1] for row in database.rows()] == ["open", "open", "paid"]
    assert "2 rows" in result.diff
    assert (await database.run(FIX, name="one", mode="rollback")).outcome == "rolled_back"
    assert database.rows() == before
    assert database.claims() == 1


async def test_inserts_and_deletes_are_put_back_too(database) -> None:
    before = database.rows()
    body = (
        "DELETE FROM orders WHERE state = 'stuck';\n"
        "INSERT INTO orders (id, state, total) VALUES (7, 'open', 1.50), (8, 'open', NULL);\n"
        "UPDATE orders SET total = total + 1 WHERE id = 7;"
    )
    assert (await database.run(body, name="two")).outcome == "succeeded"
    assert [row[0] for row in database.rows()] == [3, 7, 8]
    assert (await database.run(body, name="two", mode="rollback")).outcome == "rolled_back"
    assert database.rows() == before


async def test_what_is_repaired_already_is_left_alone(database) -> None:
    database.ask("SELECT 1")
    result = await database.run(FIX, verify="SELECT 1")
    assert result.outcome == "already_remediated"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("UPDATE orders SET state = 'open' WHERE id = 1", "verification failed"),
        (f"{FIX}; UPDATE nothing SET a = 1 WHERE true", "nothing"),  # noqa: S608
        (f"{FIX}; UPDATE orders SET id = 9 WHERE id = 1", "key"),  # noqa: S608
    ],
)
async def test_whatever_fails_leaves_every_row_as_it_was(database, body: str, said: str) -> None:
    before = database.rows()
    result = await database.run(body, name="three")
    assert result.outcome == "rolled_back"
    assert said in result.detail
    assert database.rows() == before
    again = await database.run(FIX, name="three", run_id="three-again")
    assert again.outcome == "rolled_back", "a claim counts once"
    assert database.rows() == before


async def test_more_rows_than_the_bound_are_not_changed(database) -> None:
    before = database.rows()
    result = await database.run(FIX, reach={**database.reach, "max_rows": 1})
    assert result.outcome == "rolled_back"
    assert "max_rows" in result.detail
    assert database.rows() == before


async def test_a_row_that_was_changed_since_is_not_overwritten(database) -> None:
    assert (await database.run(FIX, name="four")).outcome == "succeeded"
    if database.engine == "sqlite":
        database.ask("UPDATE orders SET note = 'by hand' WHERE id = 2 RETURNING id")
    else:
        database.ask("UPDATE orders SET note = 'by hand' WHERE id = 2")
    left = database.rows()
    result = await database.run(FIX, name="four", mode="rollback")
    assert result.outcome == "rollback_failed"
    assert "orders" in result.detail
    assert database.rows() == left


async def test_a_rehearsal_changes_nothing_and_says_what_would(database) -> None:
    before = database.rows()
    result = await database.run(FIX, mode="rehearse")
    assert (result.outcome, "2 rows" in result.diff) == ("succeeded", True)
    assert database.rows() == before
    refused = await database.run("UPDATE orders SET nothing = 1 WHERE true", mode="rehearse", name="b")
    assert refused.outcome == "not_applied"


async def test_rows_that_changed_since_the_rehearsal_stop_the_run(database) -> None:
    seen = (await database.run(FIX, mode="rehearse", name="seen")).seen
    assert list(seen) == ['"orders"#1']
    back = "UPDATE orders SET note = {} WHERE id = 2" + " RETURNING id" * (database.engine == "sqlite")
    database.ask(back.format("'by hand'"))
    left = database.rows()
    result = await database.run(FIX, name="drifted", expected=seen)
    assert (result.outcome, '"orders"#1' in result.detail) == ("not_applied", True)
    assert database.rows() == left
    database.ask(back.format("'x''y'"))
    assert (await database.run(FIX, name="as-seen", expected=seen)).outcome == "succeeded"


@pytest.mark.parametrize(
    "body",
    [
        "UPDATE orders SET state = 'open'",
        "DROP TABLE orders",
        "DELETE FROM orders",
        "COMMIT",
        "SELECT 1",
        "ALTER TABLE orders ADD x int",
    ],
)
async def test_what_cannot_be_taken_back_is_refused_before_anything_is_asked(database, body: str) -> None:
    from suture_sandbox.protocol import SandboxUnavailable

    with pytest.raises(SandboxUnavailable):
        await database.sandbox.start(database.plan(body))


async def test_a_definition_is_changed_and_taken_back_by_its_inverse(database) -> None:
    fields = {
        "rollback": "ALTER TABLE orders DROP COLUMN channel",
        "name": "five",
    }
    if database.engine == "postgresql":
        fields["verify"] = (
            "SELECT count(*) FROM information_schema.columns WHERE column_name = 'channel'"
            " AND table_name = 'orders'"
        )
    else:
        fields["verify"] = "SELECT count(*) FROM pragma_table_info('orders') WHERE name = 'channel'"
    body = "ALTER TABLE orders ADD COLUMN channel text"
    before = database.rows()
    assert (await database.run(body, **fields)).outcome == "succeeded"
    assert (await database.run(body, **fields, mode="rollback")).outcome == "rolled_back"
    assert database.rows() == before


INDEX = {
    "body": "CREATE UNIQUE INDEX CONCURRENTLY by_state ON orders (id, state)",
    "verify": "SELECT count(*) FROM pg_indexes WHERE indexname = 'by_state'",
}


async def test_an_index_is_built_beside_the_traffic_and_dropped_again(postgres) -> None:
    assert (await postgres.run(**INDEX, name="six")).outcome == "succeeded"
    assert postgres.ask(INDEX["verify"])[0][0] == 1
    assert (await postgres.run(**INDEX, name="six", mode="rollback")).outcome == "rolled_back"
    assert postgres.ask(INDEX["verify"])[0][0] == 0


async def test_an_index_that_fails_leaves_no_invalid_one(postgres) -> None:
    body = "CREATE UNIQUE INDEX CONCURRENTLY by_state ON orders (state)"
    result = await postgres.run(body, verify=INDEX["verify"])
    assert result.outcome == "rolled_back"
    assert "by_state" in result.detail
    assert postgres.ask("SELECT count(*) FROM pg_indexes WHERE tablename = 'orders'")[0][0] == 1


async def test_a_lock_that_someone_holds_ends_the_run_and_not_the_traffic(postgres, connect) -> None:
    other = connect()
    other.run("BEGIN")
    other.run("SELECT * FROM orders FOR UPDATE")
    result = await postgres.run(FIX, reach={**postgres.reach, "lock_seconds": 1})
    assert result.outcome == "rolled_back"
    assert "lock" in result.detail
    other.run("ROLLBACK")
    other.close()


async def test_a_connection_that_is_lost_in_the_middle_leaves_nothing(postgres, connect) -> None:
    before = postgres.rows()
    plan = postgres.plan("UPDATE orders SET note = pg_sleep(8)::text WHERE id = 1")
    await postgres.sandbox.start(plan)
    other = connect()
    for _ in range(100):
        await asyncio.sleep(0.1)
        ended = other.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'suture'"
            " AND query LIKE 'UPDATE orders%'"
        )
        if ended:
            break
    other.close()
    result = await postgres.sandbox.result(plan.run_id)
    assert result.outcome == "rolled_back"
    assert postgres.rows() == before
    assert postgres.claims() == 1


async def test_a_runner_killed_in_the_middle_changes_nothing_twice(postgres) -> None:
    body = (
        "UPDATE orders SET total = total + 1, state = 'open'"
        " WHERE state = 'stuck' AND pg_sleep(0.5) IS NOT NULL"
    )
    plan = postgres.plan(body)
    await postgres.sandbox.start(plan)
    await asyncio.sleep(0.7)
    os.kill(postgres.sandbox._children[plan.run_id].pid, signal.SIGKILL)
    result = await postgres.sandbox.result(plan.run_id)
    assert result.outcome in ("succeeded", "rolled_back")
    totals = [str(row[2]) for row in postgres.rows()]
    assert totals in (["10.99", "1.10", "5.00"], ["9.99", "0.10", "5.00"])
    assert (totals[0] == "10.99") == (result.outcome == "succeeded")
    assert postgres.claims() == 1


async def test_an_aborted_run_is_dropped(postgres) -> None:
    before = postgres.rows()
    plan = postgres.plan("UPDATE orders SET note = pg_sleep(8)::text WHERE id = 1")
    await postgres.sandbox.start(plan)
    await asyncio.sleep(1)
    await postgres.sandbox.abort(plan.run_id)
    result = await postgres.sandbox.result(plan.run_id)
    assert (result.outcome, result.detail) == ("rolled_back", "aborted")
    assert postgres.rows() == before


async def test_the_password_is_in_no_result(postgres, tmp_path) -> None:
    secret = tmp_path / "secrets" / "orders-db"
    secret.write_text(secret.read_text().replace("only-for-tests", "wrong-secret-word"))
    result = await postgres.run(FIX)
    assert result.outcome == "not_applied"
    assert "password" in result.detail
    assert "wrong-secret-word" not in result.model_dump_json()


async def test_an_index_that_was_there_before_outlives_the_rollback(database) -> None:
    if database.engine == "sqlite":
        there = "SELECT count(*) FROM sqlite_master WHERE name = 'by_total'"
    else:
        there = "SELECT count(*) FROM pg_indexes WHERE indexname = 'by_total'"
    body = "CREATE INDEX IF NOT EXISTS by_total ON orders (total)"
    fields = {"verify": "SELECT count(*) = 0 FROM orders WHERE state = 'stuck'"}
    assert (await database.run(f"{body}; {FIX}", name="made", **fields)).outcome == "succeeded"
    assert database.ask(there)[0][0] == 1
    assert (await database.run(FIX, name="made", mode="rollback", **fields)).outcome == "rolled_back"
    assert database.ask(there)[0][0] == 0, "what the run made goes"
    database.ask("CREATE INDEX by_total ON orders (total)")
    assert (await database.run(f"{body}; {FIX}", name="spared", **fields)).outcome == "succeeded"
    assert (await database.run(FIX, name="spared", mode="rollback", **fields)).outcome == "rolled_back"
    assert database.ask(there)[0][0] == 1, "what was there stays"


async def test_an_index_of_the_same_name_in_another_schema_is_left_alone(postgres) -> None:
    for sql in (
        "CREATE SCHEMA audit",
        "CREATE TABLE audit.orders (id integer PRIMARY KEY, total integer)",
        "CREATE INDEX by_total ON orders (total)",
    ):
        postgres.ask(sql)
    there = "SELECT schemaname::text FROM pg_indexes WHERE indexname = 'by_total' ORDER BY 1"
    for number, how in enumerate(("INDEX", "INDEX CONCURRENTLY")):
        fields = {"verify": f"SELECT count(*) = 2 FROM ({there}) AS found", "name": f"run-{number}"}  # noqa: S608
        body = f"CREATE {how} by_total ON audit.orders (total)"
        assert (await postgres.run(body, **fields)).outcome == "succeeded"
        assert (await postgres.run(body, **fields, mode="rollback")).outcome == "rolled_back"
        assert postgres.ask(there) == [["public"]]


MIXED = (
    "DELETE FROM orders WHERE id = 2;\n"
    "UPDATE orders SET state = 'open', note = 'it''s' WHERE state = 'stuck';\n"
    "INSERT INTO orders (id, state, total) VALUES (7, 'open', 1.50);\n"
    "CREATE INDEX by_total ON orders (total)"
)


async def test_the_undo_text_brings_every_row_back_by_hand(database) -> None:
    before = database.rows()
    result = await database.run(MIXED, name="by-hand")
    assert result.outcome == "succeeded"
    assert database.rows() != before
    assert "it's" not in result.undo, "rows are read from the claim, not told"
    undo_by_hand(database, result.undo)
    assert database.rows() == before
    index = {
        "sqlite": "SELECT count(*) FROM sqlite_master WHERE name = 'by_total'",
        "postgresql": "SELECT count(*) FROM pg_indexes WHERE indexname = 'by_total'",
    }
    assert database.ask(index[database.engine])[0][0] == 0


async def test_a_rollback_that_failed_says_how_to_do_it_by_hand(database) -> None:
    before = database.rows()
    assert (await database.run(FIX, name="drifted")).outcome == "succeeded"
    database.ask("UPDATE orders SET note = 'by hand' WHERE id = 2 RETURNING id")
    result = await database.run(FIX, name="drifted", mode="rollback")
    assert result.outcome == "rollback_failed"
    assert result.snapshot is not None
    undo_by_hand(database, result.undo)
    assert database.rows() == before


def undo_by_hand(database, undo: str) -> None:
    """What an operator would do: the commands as they are where the program for them is installed."""
    if database.engine == "postgresql":
        environment = {
            **os.environ,
            "DATABASE": database.dsn,
            "PATH": f"{psql_folder()}:{os.environ['PATH']}",
        }
        subprocess.run(["bash", "-euc", undo], env=environment, check=True, capture_output=True)
        return
    first, _, rest = undo.partition("\n")
    assert first == f"sqlite3 -bail '{database.reach['path']}' <<'SQL'"
    with sqlite3.connect(database.reach["path"], isolation_level=None) as connection:
        connection.create_function("unhex", 1, bytes.fromhex)  # SQLite has it since 3.41
        connection.executescript(rest.removesuffix("SQL"))


def psql_folder() -> str:
    return str(sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1])
