"""Whether what a script changes can be part of its kind of target at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suture_safety.collector import finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suture_contracts.report import Part, SafetyFinding

    from suture_safety.collector import Effects

_OF_A_MACHINE = frozenset(
    {
        "packages",
        "services",
        "kernel",
        "network",
        "accounts",
        "schedule",
        "power",
        "disks",
        "containers",
        "backups",
        "other machines",
    }
)
_OUTSIDE = {
    # A script runs in a pod beside the workload: what it changes there is gone with the pod.
    "kubernetes": _OF_A_MACHINE | {"cloud"},
    "database": _OF_A_MACHINE | {"cloud", "cluster"},
    "host": frozenset({"cluster", "cloud", "other machines"}),
    "local": frozenset({"cluster", "cloud", "other machines"}),
}


def foreign_states(effects: Effects, kinds: Sequence[str], part: Part) -> list[SafetyFinding]:
    """State that none of these kinds of target has: the script reaches past its target, or is for another."""
    found: list[SafetyFinding] = []
    for state, (line, column) in effects.states.items():
        strange = [kind for kind in kinds if state in _OUTSIDE.get(kind, ())]
        if strange:
            message = f"changes {state}, which is no part of a {strange[0]} target"
            remedy = "Change the target alone, or name the target that this is about."
            found.append(finding("document.outside-target", "warning", message, remedy, line, column, part))
    return found
