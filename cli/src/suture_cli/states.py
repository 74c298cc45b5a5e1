"""Which states end a remediation, and what the command's exit code says about each."""

from __future__ import annotations

from suture_cli.failures import DONE, OTHER_END, WAITING

GOOD_ENDS = frozenset({"succeeded", "already_remediated", "no_action", "rehearsed"})
OTHER_ENDS = frozenset(
    {
        "generation_failed",
        "rejected",
        "denied",
        "expired",
        "not_applied",
        "rolled_back",
        "rollback_failed",
        "unknown",
    }
)
FOR_SOMEONE = {
    "awaiting_approval": "a supervisor decides: suture show {id}, then suture approve {id}",
    "awaiting_target": "no registered target matches: suture targets add FILE",
}
"""States in which nothing goes on until someone acts, and what they can do."""


def is_end(state: str) -> bool:
    return state in GOOD_ENDS or state in OTHER_ENDS


def exit_code(state: str) -> int:
    """0 for a good end, 1 for another end, 4 for all that is not an end."""
    if state in GOOD_ENDS:
        return DONE
    return OTHER_END if state in OTHER_ENDS else WAITING
