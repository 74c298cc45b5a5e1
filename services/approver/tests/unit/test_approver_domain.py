"""How sure the approver is, and who must agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suture_approver import domain
from suture_approver.domain import Evidence, assess
from suture_approver.policy import load_policy
from suture_contracts.base import Principal
from suture_contracts.events import Run

POLICY = load_policy()
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
BEST = Evidence(
    origin="template",
    complexity="low",
    safety_score=1.0,
    reversibility="exact",
    template_proven=True,
    warnings=0,
    claimed={},
    rca_confidence=0.9,
)


def level(**changed: Any) -> str:
    return assess(replace(BEST, **changed), POLICY).level


def minutes_ago(*minutes: float) -> list[datetime]:
    return [NOW - timedelta(minutes=each) for each in minutes]


def test_a_simple_template_script_with_a_sure_cause_is_high_and_each_part_says_what_it_gave() -> None:
    confidence = assess(BEST, POLICY)
    assert (confidence.level, confidence.total, confidence.caps) == ("HIGH", 93.5, ())
    assert confidence.parts == {
        "template_match": 40,
        "complexity": 15,
        "validation": 20,
        "rca_confidence": 13.5,
        "track_record": 5,
    }


@pytest.mark.parametrize(
    ("total", "expected"),
    [(100, "HIGH"), (80, "HIGH"), (79.99, "MEDIUM"), (50, "MEDIUM"), (49.99, "LOW"), (0, "LOW")],
)
def test_the_levels_begin_at_80_and_50(total: float, expected: str) -> None:
    assert domain.level_of(total, POLICY) == expected


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"reversibility": "none"}, "taken back"),
        ({"template_proven": False}, "not proven"),
        ({"warnings": 1}, "1 warning"),
        ({"blocked_targets": ("web-01",)}, "web-01"),
        ({"removed_targets": ("web-02",)}, "web-02"),
        ({"denied_before": True}, "denied"),
        ({"rca_confidence": 0.6}, "70% certain"),
        ({"complexity": "high", "rca_confidence": 1.0, "track_record": 1.0}, "complex"),
    ],
)
def test_what_must_not_run_by_itself_is_medium_at_most_and_says_why(
    changed: dict[str, Any], reason: str
) -> None:
    confidence = assess(replace(BEST, **changed), POLICY)
    assert (confidence.level, confidence.total) == ("MEDIUM", 79)
    assert len(confidence.caps) == 1
    assert reason in confidence.caps[0]


def test_a_novel_script_is_never_high_even_where_a_policy_rates_novelty_highly() -> None:
    rules = POLICY.confidence.model_copy(update={"origins": dict.fromkeys(POLICY.confidence.origins, 1.0)})
    generous = POLICY.model_copy(update={"confidence": rules})
    assert assess(replace(BEST, origin="novel"), generous).caps == ("a novel script",)
    assert assess(replace(BEST, origin="novel"), generous).level == "MEDIUM"
    assert assess(replace(BEST, origin="operator"), generous).level == "MEDIUM"


def test_a_complex_change_from_a_template_is_medium() -> None:
    assert level(complexity="high") == "MEDIUM"


def test_a_novel_complex_script_on_a_doubtful_cause_is_low() -> None:
    assert level(origin="novel", complexity="high", rca_confidence=0.3) == "LOW"


def test_the_script_s_writer_can_lower_the_confidence_but_not_raise_it() -> None:
    assert assess(replace(BEST, claimed={"template_match": 0.5}), POLICY).parts["template_match"] == 20
    raised = replace(
        BEST, origin="adapted", complexity="high", claimed={"template_match": 1.0, "complexity": 1.0}
    )
    assert assess(raised, POLICY).parts["template_match"] == 24
    assert assess(raised, POLICY).parts["complexity"] == 0


FRACTIONS = st.floats(0, 1, allow_nan=False)


@given(
    st.builds(
        Evidence,
        origin=st.sampled_from(["template", "adapted", "novel", "reused", "predefined"]),
        complexity=st.sampled_from(["low", "medium", "high"]),
        safety_score=FRACTIONS,
        reversibility=st.sampled_from(["exact", "compensating", "none"]),
        template_proven=st.booleans(),
        warnings=st.integers(0, 3),
        claimed=st.dictionaries(
            st.sampled_from(["template_match", "complexity", "rca_confidence"]), FRACTIONS
        ),
        rca_confidence=FRACTIONS,
        track_record=FRACTIONS,
        blocked_targets=st.sampled_from([(), ("a",)]),
    )
)
def test_nothing_novel_irreversible_unproven_or_blocked_is_ever_high(evidence: Evidence) -> None:
    confidence = assess(evidence, POLICY)
    assert 0 <= confidence.total <= 100
    assert confidence.level == domain.level_of(confidence.total, POLICY)
    risky = evidence.origin == "novel" or evidence.reversibility == "none" or not evidence.template_proven
    if risky or evidence.blocked_targets:
        assert confidence.level != "HIGH"


def test_an_unknown_track_record_counts_half_and_a_known_one_what_it_shows() -> None:
    assert domain.track_record() == 0.5
    assert domain.track_record([], []) == 0.5
    assert domain.track_record([True] * 18) == 0.95
    assert domain.track_record([False] * 18) == 0.05
    assert domain.track_record([True] * 18, []) == pytest.approx(0.725)


@pytest.mark.parametrize(
    ("failures", "blocked"),
    [
        ([], False),
        ([1, 2], False),
        ([1, 2, 3], True),
        ([59, 70, 80], True),
        ([60, 70, 80], False),
        ([1, 30, 62], False),
        ([1, 30, 61], True),
        ([1, 90, 100, 110], False),
        ([30, 80, 85, 89, 300], True),
    ],
)
def test_three_failures_within_an_hour_block_a_target_for_an_hour_after_the_third(
    failures: list[float], blocked: bool
) -> None:
    assert domain.is_blocked(minutes_ago(*failures), NOW, POLICY.breaker) is blocked


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("succeeded", True),
        ("already_remediated", True),
        ("not_applied", None),
        ("rolled_back", False),
        ("rollback_failed", False),
        ("unknown", False),
    ],
)
def test_a_run_that_never_touched_its_target_says_nothing(outcome: Any, expected: bool | None) -> None:
    assert domain.succeeded_on(Run(target="web-01", outcome=outcome)) is expected


def test_two_approvals_of_one_principal_count_once() -> None:
    assert not domain.is_complete(["alice", "alice"], 2)
    assert domain.is_complete(["alice", "bob"], 2)


def test_nobody_decides_on_what_they_asked_for_whatever_their_role() -> None:
    assert domain.self_approval(Principal(id="alice", role="admin"), "alice")
    assert not domain.self_approval(Principal(id="bob", role="supervisor"), "alice")
    assert not domain.self_approval(Principal(id="bob", role="supervisor"), None)


@pytest.mark.parametrize(
    ("state", "outcome", "expected"),
    [
        ("awaiting_target", None, True),
        ("awaiting_approval", None, True),
        ("denied", None, True),
        ("expired", None, True),
        ("approved", None, False),
        ("approved", "succeeded", False),
        ("approved", "unknown", False),
        ("approved", "rolled_back", True),
    ],
)
def test_a_newer_revision_never_joins_one_that_may_be_running_or_did_its_work(
    state: str, outcome: str | None, expected: bool
) -> None:
    assert domain.is_replaceable(state, outcome) is expected
