"""What an agent says of a run while it runs is taken once, in order, bounded, and as nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from suture_executor.told import Told
from suture_sandbox.protocol import MOST_PROGRESS


def lines(*entries: dict[str, Any]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def shown(told: Told) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.watch("run").splitlines()]


FIRST, SECOND = {"at": 1.0, "step": "apply"}, {"at": 2.0, "line": "begun"}


@pytest.fixture
def told() -> Told:
    made = Told()
    made.watch("run")
    return made


def test_what_was_told_twice_or_overlaps_is_shown_once(told: Told) -> None:
    taken = told.take("run", 0, lines(FIRST))
    assert told.take("run", 0, lines(FIRST)) == taken
    assert told.take("run", 0, lines(FIRST, SECOND)) == len(lines(FIRST, SECOND))
    assert shown(told) == [FIRST, SECOND]


def test_what_does_not_follow_is_asked_for_again(told: Told) -> None:
    assert told.take("run", 100, lines(SECOND)) == 0
    assert shown(told) == []


def test_nobody_is_asked_about_a_run_that_nobody_watches() -> None:
    told = Told()
    assert not told.watched("run")
    assert told.take("run", 0, lines(FIRST)) == 0
    assert not told.watched("run")


def test_nothing_but_steps_and_masked_lines_is_shown(told: Told) -> None:
    told.take(
        "run",
        0,
        lines({"at": 1.0, "line": "password=hunter2", "target": "another", "mode": "rollback"})
        + lines({"at": "x", "line": "a"}, {"at": 1e400, "line": "a"}, {"line": "a"}, {"at": 1.0})
        + "no json\n[1]\n"
        + lines({"at": 1.0, "line": "x" * 20_000}, {"at": 1.0, "step": "y" * 100}),
    )
    assert shown(told) == [{"at": 1.0, "line": "password=[masked]"}]


def test_a_run_that_says_too_much_is_kept_to_its_bound(told: Told) -> None:
    part = lines({"at": 1.0, "line": "x" * 5_000})
    taken = 0
    while taken < 2 * MOST_PROGRESS:
        taken = told.take("run", taken, part)
    assert len(told.watch("run")) <= MOST_PROGRESS


def test_the_runs_of_most_use_are_kept(told: Told) -> None:
    told.take("run", 0, lines(FIRST))
    for number in range(100):
        told.watch(f"run-{number}")
    assert shown(told) == []
