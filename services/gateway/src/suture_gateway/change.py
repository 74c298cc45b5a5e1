"""A change of one remediation, made so that changes commute: any order, any repetition, one result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from suture_contracts import ids

from suture_gateway.domain import order


@dataclass(frozen=True, slots=True)
class Change:
    """What one or more events say of one remediation.

    ``latest`` holds whole values, of which the one with the highest ``(order, event)`` stays; ``states`` maps
    an order to its state and the earliest time at which it was seen.
    """

    remediation_id: str
    script_id: str
    first: datetime
    last: datetime
    latest: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    states: Mapping[int, tuple[datetime, str]] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        """Whether it holds the event that a remediation begins with, so that it is hardly stored yet."""
        return 0 in self.states

    def document(self) -> dict[str, Any]:
        """What ``update`` makes of a remediation that is not stored yet, to be inserted."""
        document: dict[str, Any] = {
            "_id": self.remediation_id,
            "created": self.first,
            "updated": self.last,
            "script_id": self.script_id,
            **self.latest,
        }
        if self.states:
            top = max(self.states)
            document["head"] = {"order": top, "state": self.states[top][1]}
            document["states"] = {
                str(position): {"at": at, "state": state} for position, (at, state) in self.states.items()
            }
        return document

    def update(self) -> dict[str, Any]:
        """The MongoDB update; its operators are all idempotent and commutative."""
        highest: dict[str, Any] = {"updated": self.last, **self.latest}
        lowest: dict[str, Any] = {"created": self.first}
        for position, (at, state) in self.states.items():
            lowest[f"states.{position}"] = {"at": at, "state": state}
        if self.states:
            top = max(self.states)
            highest["head"] = {"order": top, "state": self.states[top][1]}
        return {"$max": highest, "$min": lowest, "$set": {"script_id": self.script_id}}


def change_of(
    remediation_id: UUID,
    at: datetime,
    event_id: str,
    values: Mapping[str, tuple[int, Mapping[str, Any]]],
    states: Iterable[tuple[str, int] | tuple[str, int, int]] = (),
) -> Change:
    """A change from one event.

    ``values`` are by field (order, content), ``states`` (word, revision), with an order of their own where
    the word alone does not give it.
    """
    # The embedded documents compare field by field, so the order and then the event's id decide.
    latest = {
        name: {"order": position, "event": event_id, **content}
        for name, (position, content) in values.items()
    }
    seen = {(state[2] if len(state) == 3 else order(state[0], state[1])): (at, state[0]) for state in states}
    script = str(ids.script_id(remediation_id))
    return Change(str(remediation_id), script, at, at, latest, seen)


def merge(one: Change, other: Change) -> Change:
    """Both changes of the same remediation as one."""
    latest = dict(one.latest)
    for name, value in other.latest.items():
        kept = latest.get(name)
        if kept is None or (kept["order"], kept["event"]) < (value["order"], value["event"]):
            latest[name] = value
    states = dict(one.states)
    for position, seen in other.states.items():
        states[position] = min(states.get(position, seen), seen)
    first, last = min(one.first, other.first), max(one.last, other.last)
    return Change(one.remediation_id, one.script_id, first, last, latest, states)
