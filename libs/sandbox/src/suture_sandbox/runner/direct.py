"""Apply and take back on the machine itself, for targets that registered no sandbox: packages, services.

The script writes real files. Those that it declares are kept before and put back after; packages are compared
version for version, and what units do now and at boot; what else it did is for its rollback to undo.
"""

from __future__ import annotations

import os
import time

from suture_sandbox.runner import change, machine, packages, units
from suture_sandbox.runner.apply import claim, refusal
from suture_sandbox.runner.difference import difference, undo_by_hand
from suture_sandbox.runner.durable import mark, read_json
from suture_sandbox.runner.packages import Unknown
from suture_sandbox.runner.reload import reload
from suture_sandbox.runner.tree import PathRefused, Root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from suture_sandbox.runner.job import Job
    from suture_sandbox.runner.machine import State


_MOST_CHARACTERS = 10_000
_SETTLE_SECONDS = 10.0
"""How long units may take to run as they did, once all else is as before."""


def check(job: Job) -> dict[str, Any]:
    """See ``rehearse.check``."""
    if job.verifies(None, network=True, tail=job.tail):
        return job.result("already_remediated", "the verification passes already")
    return job.result("not_applied", "the verification fails: the fix is needed")


def rehearse(job: Job) -> dict[str, Any]:
    """Nothing is run: there is no copy of a machine."""
    return job.result(
        "unknown", "cannot be rehearsed: the target has no sandbox, the script changes the host"
    )


def apply(job: Job) -> dict[str, Any]:
    """Run the whole; a claim that exists is of a killed run, which is taken back and never run again."""
    if not claim(job.claim):
        return take_back(job, "the runner was killed before its end; taken back")
    try:
        before = machine.keep(job)
        passes = job.verifies(None, network=True)
    except (PathRefused, Unknown, OSError) as error:
        return job.result("not_applied", f"nothing was run: {error}")
    if passes:
        return job.result("already_remediated", "the verification passes already", before.entries)
    if problem := refusal(job, before.entries):
        return job.result("not_applied", problem, before.entries)
    try:
        problem, after = _changed(job, before)
    except (PathRefused, Unknown, OSError) as error:
        return take_back(job, str(error))
    if problem or after is None:
        return take_back(job, problem)
    detail = "" if job.plan["verify"].strip() else "the script has no verification"
    return _told(job, "succeeded", detail, before, after)


def _changed(job: Job, before: State) -> tuple[str, State | None]:
    mark(os.path.join(job.claim, "body-started"))
    ended = job.script("body", None, writable=True, network=True, tail=job.tail)
    job.exit_code = ended.exit_code
    if not ended.passed:
        return f"the script failed: {ended.why}", None
    after = machine.look(job, before)
    machine.keep_after(job, after)
    if problem := reload(job, machine.differing(before, after)):
        return problem, None
    if job.verifies(None, network=True, tail=job.tail) is False:
        return "aborted" if job.aborted else "the verification failed after the change", None
    return "aborted" if job.aborted else "", after


def take_back(job: Job, detail: str) -> dict[str, Any]:
    """Bring an unfinished run's declared paths and packages back, and prove it."""
    before = machine.kept(job)
    if before is None or not os.path.exists(os.path.join(job.claim, "body-started")):
        return job.result("not_applied", "the runner was killed before the body; nothing was run")
    problem = _restore(job, before, None)
    if problem:
        return _told(job, "rollback_failed", f"{detail}; {problem}", before, _look_or(job, before))
    return _as_before(job, detail, before)


def roll_back_success(job: Job) -> dict[str, Any]:
    """Take back what a successful run did, only while everything still is as that run left it."""
    job.progress.step("rollback")
    finished, before = read_json(os.path.join(job.claim, "apply.json")), machine.kept(job)
    if finished is None or finished["outcome"] != "succeeded" or before is None:
        state = finished["outcome"] if finished else "no finished run"
        return job.result("rollback_failed", f"there is nothing to take back here: {state}")
    after = machine.kept_after(job)
    # Whatever else was started or ended since is none of this run's.
    ours = {*units.differing(before.units, after.units), *machine.named_units(job, before)}
    # A rollback that was killed has begun to change what it compares.
    begun = os.path.join(job.claim, "rollback-started")
    problem = "" if os.path.exists(begun) else _drifted(job, after, ours)
    if not problem:
        mark(begun)
        problem = _restore(job, before, ours)
    if problem:
        return _told(job, "rollback_failed", problem, before, after)
    return _as_before(job, job.plan["reason"], before)


def _drifted(job: Job, after: State, ours: set[str]) -> str:
    try:
        now = machine.look(job, after)
    except (PathRefused, Unknown, OSError) as error:
        return f"nothing was taken back: {error}"
    # That a unit ended since may be the very reason; what it does at boot, somebody else has said.
    others = [*machine.differing(after, now), *units.differing_at_boot(after.units, now.units, ours)]
    return f"changed by someone else since, so nothing was taken back: {', '.join(others)}" if others else ""


def _restore(job: Job, before: State, only: set[str] | None) -> str:
    """Empty, or what is not as it was, of units ``only`` these.

    The rollback comes first: it may need what the body wrote.
    """
    problems = [_roll_back(job)]
    try:
        now = machine.look(job, before)
        change.restore(Root(job.plan["root"]), before.entries, now.entries, job.tag)
        differs = machine.differing(before, machine.look(job, before))
        if differs:
            problems.append(f"not as before: {', '.join(list(differs)[:20])}")
        elif not problems[0]:
            problems += [reload(job, machine.differing(before, now)), _unsettled(job, before, only)]
    except change.Drift as drift:
        return f"changed by someone else meanwhile: {drift}"
    except (PathRefused, Unknown, OSError) as error:
        problems.append(f"not restored: {error}; kept in {job.claim}/snapshot")
    return "; ".join(filter(None, problems))


def _unsettled(job: Job, before: State, only: set[str] | None) -> str:
    """Which units are not what they were, for as long as they may take."""
    until = time.monotonic() + _SETTLE_SECONDS
    while differs := machine.unlike_units(job, before, only):
        comes = any(units.at_boot(old) == units.at_boot(new) for old, new in differs.values())
        if not comes or time.monotonic() > until:
            told = (f"{name} ({old}, now {new})" for name, (old, new) in list(differs.items())[:20])
            return f"units are not as before: {'; '.join(told)}"
        time.sleep(0.5)
    return ""


def _roll_back(job: Job) -> str:
    if not job.plan["rollback"].strip():
        return ""
    job.aborted = False
    ended = job.script("rollback", None, writable=True, network=True, tail=job.tail)
    return "" if ended.passed else f"the rollback script failed: {ended.why}"


def _look_or(job: Job, known: State) -> State:
    try:
        return machine.look(job, known)
    except (PathRefused, Unknown, OSError):
        return known


def _as_before(job: Job, detail: str, before: State) -> dict[str, Any]:
    """The result of what was taken back, with the units that the script names: they are what they were."""
    result = job.result("rolled_back", detail, before.entries)
    for name, word in machine.named_units(job, before).items():
        result["before"][f"unit {name}"] = result["after"][f"unit {name}"] = word
    return result


def _told(job: Job, outcome: str, detail: str, before: State, after: State) -> dict[str, Any]:
    """The result, with packages and units that changed; by hand the rollback comes first, then the files."""
    entries = {path: one for path, one in after.entries.items() if path in machine.differing(before, after)}
    text = difference(before.entries, entries, job.plan["secrets"])
    result = job.result(outcome, detail, before.entries, entries, text)
    named = {name: (word, word) for name, word in machine.named_units(job, before).items()}
    for kind, pairs in (
        ("package", packages.differing(before.versions, after.versions)),
        ("unit", {**named, **units.differing(before.units, after.units)}),
    ):
        for name, (old, new) in pairs.items():
            result["before"][f"{kind} {name}"], result["after"][f"{kind} {name}"] = old, new
            result["diff"] += f"# {kind} {name}: {old} -> {new}\n" if old != new else ""
    back = units.undo_by_hand(units.unlike(before.units, after.units))
    result["undo"] = _by_hand(job, [undo_by_hand(before.entries, entries), *back])
    return result


def _by_hand(job: Job, then: list[str]) -> str:
    rollback = job.plan["rollback"].strip()
    if len(rollback) > _MOST_CHARACTERS:
        rollback = "# its rollback is too long to be shown here: take it from the script"
    parts = [f"bash <<'SUTURE-ROLLBACK'\n{rollback}\nSUTURE-ROLLBACK"] if rollback else []
    return "\n".join([*parts, *filter(None, then)])
