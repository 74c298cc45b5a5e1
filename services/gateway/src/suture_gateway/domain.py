"""The states of a remediation, which of two is the later one, and the words that callers hear for them."""

from __future__ import annotations

from typing import Any, Final, Literal

from suture_contracts import ids

ExecutionWord = Literal["PENDING", "SUCCESS", "FAILED", "ROLLED_BACK", "UNKNOWN"]

# Ranks within one revision of a script. A later state has the higher number, so that the highest order ever
# seen names the state, in whatever order the events came.
RANKS: Final = {
    "received": 0,
    "analyzed": 10,
    "no_action": 11,
    "generated": 15,
    "validated": 20,
    "refused": 21,
    "rejected": 22,
    "awaiting_rehearsal": 30,
    "awaiting_target": 40,
    "awaiting_approval": 45,
    "approved": 50,
    "denied": 51,
    "expired": 52,
    "rehearsed": 53,
    "applying": 60,
    "unknown": 65,
    "not_applied": 70,
    "already_remediated": 71,
    "succeeded": 72,
    "rolled_back": 73,
    "rollback_failed": 74,
    "rolling_back": 80,
    "generation_failed": 99,
}
# What a requested rollback ended with comes after ``rolling_back``; the better word is the later one, since a
# failed rollback may be tried again.
ROLLBACK_RANKS: Final = {"unknown": 81, "not_applied": 82, "rollback_failed": 83, "rolled_back": 84}

STATES: Final = tuple(RANKS)
TERMINAL: Final = frozenset(
    {
        "no_action",
        "generation_failed",
        "rejected",
        "denied",
        "expired",
        "rehearsed",
        "not_applied",
        "already_remediated",
        "succeeded",
        "rolled_back",
        "rollback_failed",
        "unknown",
    }
)
WAITING: Final = frozenset({"awaiting_target", "awaiting_approval"})
UNSETTLED: Final = frozenset({"received", "analyzed", "generated", "refused"})
"""The states in which a usable script is still being made."""

RUNNING: Final = frozenset({"awaiting_rehearsal", "approved", "applying", "rolling_back"})
"""The states in which something may run, and may have something to say."""

_WORDS: Final[dict[str, ExecutionWord]] = {
    "succeeded": "SUCCESS",
    "already_remediated": "SUCCESS",
    "rolled_back": "ROLLED_BACK",
    "unknown": "UNKNOWN",
    **dict.fromkeys(
        (
            "rejected",
            "denied",
            "expired",
            "rehearsed",
            "not_applied",
            "rollback_failed",
            "generation_failed",
            "no_action",
        ),
        "FAILED",
    ),
}
_MAX_REVISION = 1_000


def order(state: str, revision: int = 0) -> int:
    """Where a state of a revision stands in a remediation's life."""
    return revision * 100 + RANKS[state]


def rollback_order(outcome: str, revision: int) -> int:
    """Where the outcome of a requested rollback stands."""
    return revision * 100 + ROLLBACK_RANKS.get(outcome, ROLLBACK_RANKS["not_applied"])


def execution_word(state: str) -> ExecutionWord:
    """The word of the execute answer for a state."""
    return _WORDS.get(state, "PENDING")


def revision_of_execution(remediation_id: Any, execution_id: Any) -> int:
    """The script revision that an execution ran; 1 where none of the derived ids is this one."""
    script = ids.script_id(remediation_id)
    wanted = str(execution_id)
    for revision in range(1, _MAX_REVISION + 1):
        if str(ids.execution_id(ids.approval_id(script, revision))) == wanted:
            return revision
    return 1
