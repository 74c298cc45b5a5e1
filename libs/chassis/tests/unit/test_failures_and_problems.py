from __future__ import annotations

from datetime import UTC, datetime

import pytest
from suture_chassis.answering import problem
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.failures import death, next_delay
from suture_contracts.topology import DELAYS_SECONDS


def test_the_delays_are_used_one_after_the_other() -> None:
    assert [next_delay({"suture_attempt": n}) for n in range(4)] == [*DELAYS_SECONDS, None]
    assert next_delay({}) == DELAYS_SECONDS[0]


@pytest.mark.parametrize("attempt", [-1, 4, 10**30, "0", None, 1.5, [0]])
def test_a_strange_attempt_counts_as_used_up(attempt: object) -> None:
    assert next_delay({"suture_attempt": attempt}) is None


def test_why_a_message_died_is_bounded() -> None:
    try:
        raise PermanentError("x" * 5_000, field="a" * 5_000, remedy="b" * 5_000)
    except PermanentError as error:
        headers = death(error, "analyzer.rca.received")
    assert len(headers["suture_dead_reason"]) == 1_000
    assert len(headers["suture_dead_stack"]) <= 8_000
    assert headers["suture_dead_error"] == "PermanentError"
    assert headers["suture_dead_origin"] == "analyzer.rca.received"


def test_whoever_sent_it_is_always_told_the_field_and_what_to_do() -> None:
    headers = death(PermanentError("it cannot be"), "analyzer.rca.received")
    assert headers["suture_dead_field"] == "body"
    assert "anew" in headers["suture_dead_remedy"]
    assert "replay" in death(KeyError("surprise"), "analyzer.rca.received")["suture_dead_remedy"]


def test_a_conflict_shows_the_state_as_json_without_its_large_parts() -> None:
    state = {
        "state": "running",
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "raw": b"\xff",
        "script": "x" * 50_000,
    }
    reply = problem(Conflict("stale", current=state))
    assert reply.status == 409
    assert reply.problem is not None
    assert reply.problem.state == {
        "state": "running",
        "at": "2026-01-01 00:00:00+00:00",
        "raw": "b'\\xff'",
    }
    assert reply.model_dump_json()


@pytest.mark.parametrize(("error", "status"), [(KeyError("secret"), 500), (TemporaryError("secret"), 503)])
def test_a_problem_tells_nothing_of_the_inside(error: Exception, status: int) -> None:
    reply = problem(error)
    assert reply.status == status
    assert "secret" not in reply.model_dump_json()
    assert reply.problem is not None
    assert reply.problem.remedy
