"""PostgreSQL as its own grammar reads it: places, parameters, nesting, and what is not PostgreSQL's."""

from __future__ import annotations

import pytest
from suture_safety.analysis import analyse


def rules(text: str) -> list[str]:
    return [one.rule_id for one in analyse(text, "sql").findings if one.severity != "info"]


def test_a_finding_stands_where_its_statement_begins() -> None:
    text = "-- füll die Tabelle\nSELECT 'ä;b';\n  /* now */ DELETE FROM t;\n"
    [found] = [one for one in analyse(text, "sql").findings if one.rule_id == "sql.delete-all"]
    assert (found.line, found.column) == (3, 13)


@pytest.mark.parametrize("value", ["%s", "%(id)s", ":id", ":'id'", "?", "$1"])
def test_a_parameter_stands_for_a_value(value: str) -> None:
    query = "DELETE FROM t WHERE "
    assert rules(f"{query} id = {value}") == []
    assert rules(f"{query} {value}") == ["sql.delete-all"]


@pytest.mark.parametrize(
    "text",
    [
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT count(*) FROM gone",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM t'",
        "EXPLAIN ANALYZE DELETE FROM t",
        "PREPARE p AS DELETE FROM t",
    ],
)
def test_what_is_nested_in_another_statement_is_found(text: str) -> None:
    assert "sql.delete-all" in rules(text)


def test_what_a_text_created_itself_may_be_changed_freely() -> None:
    text = "BEGIN; CREATE TABLE n (a bigint); CREATE INDEX i ON n (a); UPDATE n SET a = 1; COMMIT"
    assert rules(text) == []


def test_a_session_may_be_ended_by_a_condition_and_not_all_of_them() -> None:
    chosen = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    assert rules(chosen) == []
    assert rules("SELECT pg_terminate_backend(pid) FROM pg_stat_activity") == ["sql.ends-sessions"]


@pytest.mark.parametrize("text", ["DELETE FROM `t`", "SELECT a FROM t LIMIT 1, 2"])
def test_another_databases_sql_is_judged_all_the_same(text: str) -> None:
    assert "sql.syntax" not in rules(text)
    assert ("sql.delete-all" in rules(text)) == text.startswith("DELETE")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
        "SELECT 1" + "+1" * 50_000,
        "SELECT '\0'",
        "DELETE FRM t",
    ],
)
def test_what_cannot_be_read_is_not_safe(text: str) -> None:
    assert any(one.severity == "error" for one in analyse(text, "sql").findings)


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("SET PERSIST sql_log_bin = 0", "sql.protection-off"),
        ("SET GLOBAL general_log = 'OFF'", "sql.server-setting"),
        ("SET @@GLOBAL.read_only = 0", "sql.server-setting"),
        ("SET unique_checks = 0", "sql.guard-off"),
        ("PRAGMA foreign_keys = OFF", "sql.guard-off"),
        ("PRAGMA writable_schema(1)", "sql.protection-off"),
        ("ALTER DATABASE a SET synchronous_commit = off", "sql.guard-off"),
        ("ALTER ROLE a SET row_security = off", "sql.protection-off"),
        ("SELECT set_config('session_replication_role', 'replica', false)", "sql.protection-off"),
        ("ALTER TABLE a ENGINE=InnoDB", "sql.rewrite"),
        ("ALTER TABLE a DROP FOREIGN KEY k", "sql.guard-off"),
        ("UPDATE a SET b = 1 WHERE id = id", "sql.update-all"),
        ("DELETE FROM a WHERE b = 1 OR true", "sql.delete-all"),
        ("MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", "sql.delete-all"),
        ("DELETE FROM pg_class WHERE relname = 'x'", "sql.system-catalog"),
        ("SELECT load_file('/etc/passwd')", "sql.dangerous-function"),
        (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
            "sql.ends-sessions",
        ),
    ],
)
def test_a_guard_that_is_switched_off_or_a_condition_that_chooses_nothing_is_found(
    statement: str, rule: str
) -> None:
    assert rule in {one.rule_id for one in analyse(statement, "sql").findings}


@pytest.mark.parametrize(
    "statement",
    [
        "SET foreign_key_checks = 1",
        "SET NAMES utf8mb4",
        "SET SESSION sql_mode = 'STRICT_ALL_TABLES'",
        "PRAGMA foreign_keys = ON",
        "PRAGMA foreign_keys",
        "ALTER ROLE a SET statement_timeout = '30s'",
        "SET row_security = on",
        "RESET session_replication_role",
        "UPDATE a SET b = 1 WHERE id = c",
        "UPDATE a SET b = 1 WHERE id = 1 OR id = 2",
        "MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET c = b.c",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle'",
    ],
)
def test_a_guard_that_stays_on_and_a_condition_that_chooses_are_nothing_above_info(statement: str) -> None:
    assert [one for one in analyse(statement, "sql").findings if one.severity != "info"] == []
