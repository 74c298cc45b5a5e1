"""What the executor decides, from values alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Protocol

from suture_contracts.base import MOST_SEEN, MOST_SEEN_CHARACTERS
from suture_contracts.events import ExecutionOutcome, Run
from suture_contracts.script import ScriptDocument
from suture_contracts.target import Target
from suture_sandbox.runner.seen import folded

WAITING = ("ready", "queued")
ACTIVE = ("queued", "dispatching", "rolling_back")
TERMINAL = ("succeeded", "already_remediated", "not_applied", "rolled_back", "rollback_failed", "unknown")

MOST_RUNS_BYTES = 600_000
"""What the runs of one execution may take up in its event, in bytes."""
MOST_SEEN_BYTES = 120_000
"""What a rehearsal saw may take up in an approval, in bytes."""
_SYSTEM = frozenset(
    f"/{name}"
    for name in (
        *(
            "",
            "bin",
            "boot",
            "dev",
            "etc",
            "home",
            "lib",
            "lib32",
            "lib64",
            "media",
            "mnt",
            "opt",
            "proc",
            "root",
        ),
        *("run", "sbin", "srv", "sys", "tmp", "usr", "usr/bin", "usr/lib", "usr/local", "usr/sbin", "var"),
        *("var/lib", "var/lib/dpkg", "var/log", "var/run", "var/tmp"),
    )
)
_SYSTEM_TREES = (
    *(
        "/bin/",
        "/boot/",
        "/dev/",
        "/etc/pam.d/",
        "/etc/ssh/",
        "/etc/sudoers.d/",
        "/lib/",
        "/lib32/",
        "/lib64/",
    ),
    *("/proc/", "/run/", "/sbin/", "/sys/", "/usr/bin/", "/usr/lib/", "/usr/sbin/"),
)


class Offer(Protocol):
    """What a sandbox says of itself."""

    name: str
    script_types: frozenset[str]


def refusal(
    document: ScriptDocument,
    targets: Sequence[tuple[str, Target | None]],
    offer_for: Callable[[Target], Offer | None],
) -> str:
    """Why an approved script cannot run here, or nothing."""
    names = set()
    for id, target in targets:
        if target is None:
            return f"target {id} is not registered"
        if document.script_type not in target.allowed_types:
            return f"target {id} does not take {document.script_type} scripts"
        offer = offer_for(target)
        if offer is None:
            return f"target {id} is of kind {target.kind}, for which no sandbox is at hand"
        if document.script_type not in offer.script_types:
            return f"the sandbox {offer.name} does not run {document.script_type} scripts"
        if document.runner not in ("auto", offer.name) and offer.name != "recorded":
            return f"the script asks for the runner {document.runner}, and {offer.name} is at hand"
        names.add(offer.name)
    return "the targets are of different kinds; write a script for each" if len(names) > 1 else ""


def reach_problem(root: object) -> str:
    """Why a folder cannot be a target's root by its name alone, or nothing."""
    if not isinstance(root, str) or not root.startswith("/") or "\x00" in root:
        return "name an absolute folder"
    path = PurePosixPath(root)
    if str(path) != root or ".." in path.parts or root.startswith("//"):
        return "give the normal form of the path, without '..' and without a slash at its end"
    if root in _SYSTEM or f"{root}/".startswith(_SYSTEM_TREES):
        return "this is a folder of the system; name the application's own folder"
    return ""


def run_name(execution_id: str, target: str, mode: str) -> str:
    """The derived id of one run: the same run has the same id after any restart."""
    return f"{execution_id}-{hashlib.sha256(target.encode()).hexdigest()[:16]}-{mode}"


def verdict_of(runs: Sequence[Run]) -> ExecutionOutcome:
    """What the runs of one apply come to, after what succeeded before a failure was taken back."""
    outcomes = [run.outcome for run in runs]
    for worst in ("unknown", "rollback_failed", "rolled_back", "not_applied"):
        if worst in outcomes:
            # Where a later target refused and earlier ones were taken back, "rolled_back" comes first.
            return worst
    return "succeeded" if "succeeded" in outcomes else "already_remediated"


def rolled_back(runs: Sequence[Run]) -> ExecutionOutcome:
    """What the runs of a rollback come to."""
    outcomes = {run.outcome for run in runs}
    if "unknown" in outcomes:
        return "unknown"
    return "rolled_back" if outcomes <= {"rolled_back"} else "rollback_failed"


def fitted(runs: Sequence[Run]) -> tuple[Run, ...]:
    """The runs, with less output and fewer paths each where all of it would not fit one event."""
    for tail, paths in ((None, None), (4_000, 100), (1_000, 20), (100, 2)):
        if tail is not None:
            runs = [_shorter(run, tail, paths) for run in runs]
        if sum(len(run.model_dump_json()) for run in runs) <= MOST_RUNS_BYTES:
            break
    return tuple(runs)


def fitted_seen(seen: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What was seen by target, each in one word where all of it would not fit an approval."""
    texts = [text for words in seen.values() for pair in words.items() for text in pair]
    short = all(len(text) <= MOST_SEEN_CHARACTERS for text in texts)
    few = all(len(words) <= MOST_SEEN for words in seen.values())
    if short and few and len(json.dumps(seen)) <= MOST_SEEN_BYTES:
        return seen
    return {target: folded(words) for target, words in seen.items()}


def _shorter(run: Run, tail: int, paths: int | None) -> Run:
    return run.model_copy(
        update={
            "output_tail": run.output_tail[-tail:],
            "detail": run.detail[:tail],
            "before": dict(list(run.before.items())[:paths]),
            "after": dict(list(run.after.items())[:paths]),
        }
    )


def runs_digest(runs: Iterable[Run]) -> str:
    """The SHA-256 that an attestation is over: the runs as JSON, keys sorted, no white space."""
    values = [run.model_dump(mode="json") for run in runs]
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def unexpected(expected: dict[str, Any], runs: Iterable[dict[str, Any]]) -> str:
    """Where an order to roll back speaks of another state than the execution left, or nothing."""
    left = {run["target"]: run["after"] for run in runs}
    for target, paths in expected.items():
        known = left.get(target)
        if known is None or not isinstance(paths, dict):
            return target
        for path, word in paths.items():
            if known.get(path) != word:
                return f"{target} {path}"
    return ""


def may_ask(role: str, principal: str, owners: Iterable[str]) -> bool:
    """An agent starts scripts on its own targets alone."""
    return role != "agent" or all(owner == principal for owner in owners)


def expired(not_after: datetime, now: datetime) -> bool:
    return now > not_after
