"""Apply and take back on the machine itself, for targets that registered no sandbox: packages, services.

The script writes real files. Those that it declares are kept before and put back after; packages are compared
version for version; what else it did is for its rollback to undo.
"""

from __future__ import annotations

import os

from suture_sandbox.runner import change, packages, snapshot
from suture_sandbox.runner.apply import claim, refusal
from suture_sandbox.runner.difference import difference, undo_by_hand
from suture_sandbox.runner.durable import mark, read_json, write_json
from suture_sandbox.runner.packages import Unknown
from suture_sandbox.runner.reload import reload
from suture_sandbox.runner.tree import ABSENT, PathRefused, Root, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from suture_sandbox.runner.job import Job
    from suture_sandbox.runner.tree import Entries


_MOST_CHARACTERS = 10_000


class State:
    """The declared paths and all packages, at one time."""

    def __init__(self, entries: Entries, versions: packages.Versions) -> None:
        self.entries = entries
        self.versions = versions


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
        before = _keep(job)
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
    after = _look(job, before)
    write_json(os.path.join(job.claim, "after.json"), [after.entries, after.versions])
    if problem := reload(job, _differing(before, after)):
        return problem, None
    if job.verifies(None, network=True, tail=job.tail) is False:
        return "aborted" if job.aborted else "the verification failed after the change", None
    return "aborted" if job.aborted else "", after


def take_back(job: Job, detail: str) -> dict[str, Any]:
    """Bring an unfinished run's declared paths and packages back, and prove it."""
    before = _kept(job)
    if before is None or not os.path.exists(os.path.join(job.claim, "body-started")):
        return job.result("not_applied", "the runner was killed before the body; nothing was run")
    problem = _restore(job, before)
    if problem:
        return _told(job, "rollback_failed", f"{detail}; {problem}", before, _look_or(job, before))
    return job.result("rolled_back", detail, before.entries)


def roll_back_success(job: Job) -> dict[str, Any]:
    """Take back what a successful run did, only while everything still is as that run left it."""
    job.progress.step("rollback")
    finished, before = read_json(os.path.join(job.claim, "apply.json")), _kept(job)
    if finished is None or finished["outcome"] != "succeeded" or before is None:
        state = finished["outcome"] if finished else "no finished run"
        return job.result("rollback_failed", f"there is nothing to take back here: {state}")
    after = State(*read_json(os.path.join(job.claim, "after.json")))
    # A rollback that was killed has begun to change what it compares.
    begun = os.path.join(job.claim, "rollback-started")
    problem = "" if os.path.exists(begun) else _drifted(job, after)
    if not problem:
        mark(begun)
        problem = _restore(job, before)
    if problem:
        return _told(job, "rollback_failed", problem, before, after)
    return job.result("rolled_back", job.plan["reason"], before.entries)


def _drifted(job: Job, after: State) -> str:
    try:
        now = _look(job, after)
    except (PathRefused, Unknown, OSError) as error:
        return f"nothing was taken back: {error}"
    others = _differing(after, now)
    return f"changed by someone else since, so nothing was taken back: {', '.join(others)}" if others else ""


def _restore(job: Job, before: State) -> str:
    """Empty, or what is not as it was. The rollback comes first: it may need what the body wrote."""
    problem = _roll_back(job)
    try:
        now = _look(job, before)
        root = Root(job.plan["root"])
        change.restore(root, before.entries, now.entries, job.tag)
        left = _look(job, before)
    except change.Drift as drift:
        return f"changed by someone else meanwhile: {drift}"
    except (PathRefused, Unknown, OSError) as error:
        return "; ".join(filter(None, (problem, f"not restored: {error}; kept in {job.claim}/snapshot")))
    differs = _differing(before, left)
    if differs:
        problem = "; ".join(filter(None, (problem, f"not as before: {', '.join(list(differs)[:20])}")))
    return problem or reload(job, _differing(before, now))


def _roll_back(job: Job) -> str:
    if not job.plan["rollback"].strip():
        return ""
    job.aborted = False
    ended = job.script("rollback", None, writable=True, network=True, tail=job.tail)
    return "" if ended.passed else f"the rollback script failed: {ended.why}"


def _keep(job: Job) -> State:
    folder = os.path.join(job.claim, "snapshot")
    entries = snapshot.take(Root(job.plan["root"]), job.plan["writes"], folder)
    state = State(entries, packages.versions(job.environment))
    write_json(os.path.join(job.claim, "packages.json"), state.versions)
    snapshot.make_durable(folder, entries)
    return state


def _kept(job: Job) -> State | None:
    entries = snapshot.load(os.path.join(job.claim, "snapshot"))
    versions = read_json(os.path.join(job.claim, "packages.json"))
    return None if entries is None or versions is None else State(entries, versions)


def _look(job: Job, known: State) -> State:
    entries = snapshot.look(Root(job.plan["root"]), job.plan["writes"])
    for path in known.entries:
        entries.setdefault(path, dict(ABSENT))
    return State(entries, packages.versions(job.environment))


def _look_or(job: Job, known: State) -> State:
    try:
        return _look(job, known)
    except (PathRefused, Unknown, OSError):
        return known


def _differing(before: State, after: State) -> dict[str, tuple[str, str]]:
    """Old and new word by path, and by package as ``package NAME``."""
    found = {
        path: (before.entries.get(path, ABSENT)["kind"], entry["kind"])
        for path, entry in after.entries.items()
        if not same(before.entries.get(path, ABSENT), entry)
    }
    for name, pair in packages.differing(before.versions, after.versions).items():
        found[f"package {name}"] = pair
    return found


def _told(job: Job, outcome: str, detail: str, before: State, after: State) -> dict[str, Any]:
    """The result, with the packages that changed; by hand the rollback comes first, then the files."""
    entries = {path: one for path, one in after.entries.items() if path in _differing(before, after)}
    text = difference(before.entries, entries, job.plan["secrets"])
    result = job.result(outcome, detail, before.entries, entries, text)
    for name, (old, new) in packages.differing(before.versions, after.versions).items():
        result["before"][f"package {name}"], result["after"][f"package {name}"] = old, new
        result["diff"] += f"# package {name}: {old} -> {new}\n"
    rollback = job.plan["rollback"].strip()
    if len(rollback) > _MOST_CHARACTERS:
        rollback = "# its rollback is too long to be shown here: take it from the script"
    parts = [f"bash <<'SUTURE-ROLLBACK'\n{rollback}\nSUTURE-ROLLBACK"] if rollback else []
    result["undo"] = "\n".join([*parts, *filter(None, [undo_by_hand(before.entries, entries)])])
    return result
