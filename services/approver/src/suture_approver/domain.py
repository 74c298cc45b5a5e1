"""Decisions on approval: how sure we are, who must agree, until when. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from suture_contracts.base import Complexity, Principal
from suture_contracts.events import Confidence, ConfidenceLevel, Origin, Run
from suture_contracts.report import Reversibility

from suture_approver.policy import Breaker, Policy

State = Literal[
    "awaiting_target",
    "awaiting_rehearsal",
    "awaiting_approval",
    "approved",
    "denied",
    "expired",
    "lapsed",
    "rehearsed",
]
WAITING: tuple[State, ...] = ("awaiting_target", "awaiting_rehearsal", "awaiting_approval")
UNKNOWN_RECORD = 0.5
_BELOW_HIGH = 1.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the decision on one script rests on; fractions are 0 to 1."""

    origin: Origin
    complexity: Complexity
    safety_score: float
    reversibility: Reversibility
    template_proven: bool
    warnings: int
    claimed: Mapping[str, float]
    rca_confidence: float
    track_record: float = UNKNOWN_RECORD
    blocked_targets: tuple[str, ...] = ()
    removed_targets: tuple[str, ...] = ()
    denied_before: bool = False


def assess(evidence: Evidence, policy: Policy) -> Confidence:
    """The total (0 to 100) by its parts, and the level; a cap holds both below HIGH and says why."""
    parts = _parts(evidence, policy)
    weights = policy.confidence.weights
    weighted = {name: round(getattr(weights, name) * part, 2) for name, part in parts.items()}
    total = round(sum(weighted.values()), 2)
    caps = tuple(_caps(evidence, policy, parts)) if total >= policy.levels.HIGH else ()
    if caps:
        total = policy.levels.HIGH - _BELOW_HIGH
    return Confidence(total=total, level=level_of(total, policy), parts=weighted, caps=caps)


def level_of(total: float, policy: Policy) -> ConfidenceLevel:
    if total >= policy.levels.HIGH:
        return "HIGH"
    return "MEDIUM" if total >= policy.levels.MEDIUM else "LOW"


def _parts(evidence: Evidence, policy: Policy) -> dict[str, float]:
    rules = policy.confidence
    claimed = evidence.claimed
    # Whoever wrote the script may think less of it than the policy does, never more.
    return {
        "template_match": min(rules.origins[evidence.origin], claimed.get("template_match", 1.0)),
        "complexity": min(rules.complexity[evidence.complexity], claimed.get("complexity", 1.0)),
        "validation": evidence.safety_score,
        "rca_confidence": min(evidence.rca_confidence, claimed.get("rca_confidence", 1.0)),
        "track_record": evidence.track_record,
    }


def _caps(evidence: Evidence, policy: Policy, parts: Mapping[str, float]) -> list[str]:
    caps, least = policy.caps, policy.caps.rca_confidence_below
    blocked, removed = ", ".join(evidence.blocked_targets)[:800], ", ".join(evidence.removed_targets)[:800]
    # The first five hold under every policy.
    rules = (
        (evidence.origin == "novel", "a novel script"),
        (evidence.origin in ("adapted", "filled"), "a model's hand in a template"),
        (evidence.origin == "operator", "somebody's own script"),
        (evidence.reversibility == "none", "it cannot be taken back"),
        (not evidence.template_proven, "its template revision is not proven yet"),
        (caps.any_warning and evidence.warnings > 0, f"the validation has {evidence.warnings} warning(s)"),
        (caps.complexity_high and evidence.complexity == "high", "a complex change"),
        (parts["rca_confidence"] < least, f"the root cause is less than {least:.0%} certain"),
        (caps.denied_before and evidence.denied_before, "an earlier revision was denied"),
        (bool(blocked), f"too many failures lately on {blocked}"),
        (bool(removed), f"no longer registered: {removed}"),
    )
    return [reason for holds, reason in rules if holds]


def wants_rehearsal(level: ConfidenceLevel, policy: Policy) -> bool:
    return level in policy.rehearsal.levels


def track_record(*histories: Sequence[bool]) -> float:
    """The mean over the histories (of targets, of the template) of the share that succeeded.

    Each history counts one success and one failure that never were: none at all says 0.5, a short one little.
    """
    if not histories:
        return UNKNOWN_RECORD
    return sum((sum(history) + 1) / (len(history) + 2) for history in histories) / len(histories)


def is_blocked(failures: Sequence[datetime], now: datetime, breaker: Breaker) -> bool:
    """Whether so many failures fell in one window that automatic runs are still blocked now."""
    times = sorted(failures)
    last = breaker.failures - 1
    return any(
        late - early <= breaker.window and now - late < breaker.block
        for early, late in zip(times, times[last:], strict=False)
    )


def is_replaceable(state: str, outcome: str | None) -> bool:
    """Whether a newer revision may take an approval's place: not while, or after, the approved one may act.

    ``outcome`` is that of its execution, where one is known.
    """
    return state != "approved" or outcome in ("rolled_back", "not_applied")


def succeeded_on(run: Run) -> bool | None:
    """Whether a run speaks for its target; None where nothing was tried."""
    if run.outcome == "not_applied":
        return None
    return run.outcome in ("succeeded", "already_remediated")


def self_approval(principal: Principal, requested_by: str | None) -> bool:
    """Whether someone is about to decide on what they asked for themselves."""
    return requested_by is not None and principal.id == requested_by


def is_complete(approved_by: Sequence[str], required: int) -> bool:
    """Whether enough different principals approved."""
    return len(set(approved_by)) >= required
