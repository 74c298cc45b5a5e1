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
