"""What the fold has not written yet, by remediation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from suture_gateway.change import Change, merge


@dataclass(frozen=True, slots=True)
class Held:
    """A change, the first journal entry that is in it, and since when it waits (monotonic seconds)."""

    change: Change
    seq: int
    since: float


class Pending:
    """At most one change a remediation: what comes for one that is there is merged into it."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def take(self, remediation_id: str, new: Held) -> None:
        kept = self._held.get(remediation_id)
        if kept is not None:
            new = Held(merge(kept.change, new.change), min(kept.seq, new.seq), min(kept.since, new.since))
        self._held[remediation_id] = new

    def pop(self, remediation_ids: Iterable[str]) -> dict[str, Held]:
        """Takes these out, those of them that are still there."""
        return {id: self._held.pop(id) for id in remediation_ids if id in self._held}

    def all(self) -> list[str]:
        return list(self._held)

    def due(self, since: float, urgent: Callable[[str], bool]) -> list[str]:
        """Those that wait from before ``since``, or are urgent."""
        return [id for id, held in self._held.items() if held.since <= since or urgent(id)]

    def wanted(self, wanted: Callable[[Change], bool]) -> list[str]:
        return [id for id, held in self._held.items() if wanted(held.change)]

    def oldest(self) -> float | None:
        """Since when the one that waits longest waits."""
        return min((held.since for held in self._held.values()), default=None)

    def first_seq(self) -> int | None:
        """The first journal entry that is in any of them."""
        return min((held.seq for held in self._held.values()), default=None)
