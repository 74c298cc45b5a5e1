from __future__ import annotations

import functools
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from suture_contracts.base import Event
from suture_contracts.events import RcaAnalyzed, Repeat
from suture_contracts.examples import example
from suture_contracts.topology import EVENTS
from suture_gateway import domain
from suture_gateway.change import Change, merge
from suture_gateway.fold import fold, fold_repeat
from suture_gateway.reading import state_of, states_of
from suture_gateway.views import remediation_summary

_ANY_ORDER = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(changes: list[Change], apply_change: Any) -> dict[str, Any]:
    return functools.reduce(apply_change, changes, {"_id": "1", "states": {}})


@_ANY_ORDER
@given(data=st.data())
def test_events_in_any_order_and_repeated_give_the_same_document(
    data: st.DataObject, changes: list[Change], apply_change: Any
) -> None:
    shuffled = data.draw(st.permutations(changes))
    repeated = shuffled + data.draw(st.lists(st.sampled_from(changes), max_size=10))
    assert written(repeated, apply_change) == written(changes, apply_change)


@_ANY_ORDER
@given(data=st.data())
def test_events_merged_into_one_write_give_the_same_document(
    data: st.DataObject, changes: list[Change], apply_change: Any
) -> None:
    shuffled = data.draw(st.permutations(changes))
    cut = data.draw(st.integers(min_value=1, max_value=len(shuffled) - 1))
    batches = [functools.reduce(merge, batch) for batch in (shuffled[:cut], shuffled[cut:])]
    assert written(batches, apply_change) == written(changes, apply_change)


def test_a_story_told_in_order_passes_its_states_in_order(changes: list[Change], apply_change: Any) -> None:
    document = written(changes, apply_change)
    nested = {
        "states": {key.removeprefix("states."): value for key, value in document.items() if "states." in key}
    }
    assert [entry["state"] for entry in states_of(nested)] == [
        "received",
        "analyzed",
        "generated",
        "refused",
        "generated",
        "validated",
        "awaiting_rehearsal",
        "awaiting_approval",
        "approved",
        "applying",
        "succeeded",
        "rolling_back",
        "rolled_back",
    ]
    assert state_of(document) == "rolled_back"


@pytest.mark.parametrize(
    ("count", "state"),
    [(1, "received"), (2, "analyzed"), (3, "generated"), (4, "refused"), (6, "generated"), (13, "succeeded")],
)
def test_the_state_is_that_of_the_furthest_event(
    changes: list[Change], apply_change: Any, count: int, state: str
) -> None:
    assert state_of(written(changes[:count], apply_change)) == state


def test_a_new_revision_supersedes_what_the_old_one_waited_for(
    make_revision: Any, make_change: Any, apply_change: Any
) -> None:
    waiting = make_revision("approval.requested", 1, awaiting_target=True, notify_only=True)
    again = make_revision("script.generated", 2)
    changes = [make_change(waiting, 1), make_change(again, 2)]
    assert state_of(written(changes[:1], apply_change)) == "awaiting_target"
    assert state_of(written(changes, apply_change)) == "generated"


def test_an_automatic_approval_awaits_nobody(make_revision: Any, make_change: Any) -> None:
    change = make_change(make_revision("approval.requested", 1, notify_only=True, awaiting_target=False), 1)
    assert change.states == {}


def test_a_rehearsal_run_is_not_an_execution(make_revision: Any, make_change: Any) -> None:
    change = make_change(make_revision("execution.completed", 1, mode="rehearse"), 1)
    assert (change.states, dict(change.latest)) == ({}, {})


def test_a_failed_generation_ends_what_a_refusal_began(
    make_revision: Any, make_event: Any, make_change: Any, apply_change: Any
) -> None:
    refused = make_change(make_revision("script.rejected", 1, final=False), 1)
    failed = make_change(make_event("script.generation_failed", sequence=2, revision=2), 2)
    assert state_of(written([refused, failed], apply_change)) == "generation_failed"


def test_a_later_analysis_supersedes_a_failed_generation(
    make_revision: Any, make_event: Any, make_change: Any, apply_change: Any
) -> None:
    failed = make_change(make_event("script.generation_failed", sequence=4, revision=2), 1)
    again = make_change(make_revision("script.generated", 2, sequence=5), 2)
    assert state_of(written([failed, again], apply_change)) == "generated"


def test_a_script_that_is_no_json_is_kept_as_it_is(make_event: Any, make_change: Any) -> None:
    generated = make_event("script.generated")
    broken = generated.script.model_copy(update={"document": "[" * 5_000})
    change = make_change(generated.model_copy(update={"script": broken}), 1)
    assert change.latest["script"]["script_type"] is None
    assert change.latest["script"]["document"] == "[" * 5_000


def test_targets_events_belong_to_no_remediation() -> None:
    for kind in ("target.registered", "target.updated", "target.removed"):
        event = example(kind)
        assert isinstance(event, Event)
        assert fold(event, event_id="1", source="suture/executor", at=_now()) is None


def test_every_event_of_the_topology_can_be_folded() -> None:
    for kind in EVENTS:
        event = example(kind)
        assert isinstance(event, Event)
        change = fold(event, event_id="1", source="suture/x", at=_now())
        assert (change is None) == kind.startswith("target.")


def test_every_terminal_state_has_a_word_for_the_caller() -> None:
    words = {state: domain.execution_word(state) for state in domain.STATES}
    assert {state for state, word in words.items() if word != "PENDING"} == domain.TERMINAL


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def test_findings_that_repeat_another_one_count_for_it_in_any_order_and_once(
    changes: list[Change], apply_change: Any
) -> None:
    first = UUID(changes[0].remediation_id)

    def repeat(count: int) -> Change:
        analyzed = cast(RcaAnalyzed, example("rca.analyzed"))
        change = {"remediation_id": uuid4(), "outcome": "no_action"}
        told = analyzed.model_copy(update={**change, "repeats": Repeat(remediation_id=first, count=count)})
        folded = fold_repeat(told, event_id=f"event-{count}", at=changes[0].last)
        assert folded is not None
        return folded

    repeats = [repeat(count) for count in (3, 4, 2, 4, 3)]
    assert {each.remediation_id for each in repeats} == {str(first)}
    for story in ([*changes, *repeats], [*repeats, *changes]):
        document = written(story, apply_change)
        assert remediation_summary({**document, "states": {}})["count"] == 4
        assert state_of(document) == state_of(written(changes, apply_change))
    assert fold_repeat(example("rca.analyzed"), event_id="1", at=changes[0].last) is None
    assert remediation_summary({**written(changes, apply_change), "states": {}})["count"] == 1
