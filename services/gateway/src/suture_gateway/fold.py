"""Event → change of its remediation. Pure: the journal folded in any order gives the same documents."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from suture_contracts import ids
from suture_contracts.base import Event
from suture_contracts.events import RcaAnalyzed

from suture_gateway.change import Change, change_of
from suture_gateway.rules import RULES


def fold(event: Event, *, event_id: str, source: str, at: datetime) -> Change | None:
    """What an event changes; None for an event that is not of a remediation (a target's)."""
    rule = RULES.get(event.TYPE)
    if rule is None:
        return None
    fields, states = rule(event)
    remediation = getattr(event, "remediation_id", None) or ids.remediation_id(source, event_id)
    return change_of(remediation, at, event_id, fields, states)


def fold_repeat(event: Event, *, event_id: str, at: datetime) -> Change | None:
    """What a finding that repeats another one changes of that one's remediation: its count."""
    if not isinstance(event, RcaAnalyzed) or event.repeats is None:
        return None
    count = event.repeats.count
    return change_of(event.repeats.remediation_id, at, event_id, {"storm": (count, {"count": count})})


def remediation_of(event: Event, *, event_id: str, source: str) -> UUID | None:
    """The remediation that an event belongs to."""
    if event.TYPE not in RULES:
        return None
    return getattr(event, "remediation_id", None) or ids.remediation_id(source, event_id)
