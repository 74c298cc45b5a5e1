"""Apply, rehearse, check and roll back on a cluster's objects."""

from __future__ import annotations

import time

from suture_sandbox.runner import seen
from suture_sandbox.runner.cluster import change
from suture_sandbox.runner.cluster.api import Refused, Unreachable
from suture_sandbox.runner.cluster.change import Drift, Item, NotApplicable
from suture_sandbox.runner.cluster.job import Job
from suture_sandbox.runner.cluster.objects import diff, digest
from suture_sandbox.runner.cluster.rollout import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from suture_sandbox.runner.cluster.objects import Object

    Objects = dict[str, Object | None]

_PROBLEMS = (Refused, Unreachable, NotApplicable, OSError)


class _Failed(Exception):
    """The claimed run did not reach its end; the argument says why."""


def apply(job: Job) -> dict[str, Any]:
    """Run the whole; an unfinished claim is a killed run's, which is taken back and never run again."""
    plan = job.plan
    if not job.claim.take({"execution": plan["execution_id"], "target": plan["target"]}):
        if (done := job.claim.result("apply")) is not None:
            return done
        job.say("another runner has claimed this run: waiting until it is known dead")
        job.claim.take_over(job.dead)
        if (done := job.claim.result("apply")) is not None:
            return done
        return _end(job, take_back(job, "the runner was killed before its end; taken back"))
    return _end(job, _claimed(job))


def _end(job: Job, result: dict[str, Any]) -> dict[str, Any]:
    job.claim.end(job.plan["mode"], result)
    return result


def _claimed(job: Job) -> dict[str, Any]:
    try:
        items, before, planned, works = _planned(job)
    except _PROBLEMS as error:
        return job.result("not_applied", f"nothing was run: {error}")
    if works:
        return job.result("already_remediated", works, before)
    if refusal := _refusal(job, before):
        return job.result("not_applied", refusal, before)
    try:
        job.snapshot = change.keep(job.api, job.namespace, job.claim.name, before)
    except _PROBLEMS as error:
        return job.result("not_applied", f"nothing was run: no snapshot: {error}", before)
    try:
        after = _changed(job, items, before, planned)
    except Drift as drift:
        return take_back(job, f"changed by someone else meanwhile: {drift}")
    except (_Failed, *_PROBLEMS) as error:
        return take_back(job, str(error))
    return job.result("succeeded", "", before, after, diff(before, after))


def _planned(job: Job) -> tuple[list[Item], Objects, Objects, str]:
    """What may be changed, how it is, what the server would make of it, and why nothing is to do, if so.

    Changes nothing: an apply, a rehearsal and a check begin alike. A script has no such plan.
    """
    items = job.items()
    before = job.read(items)
    planned: Objects = {}
    if job.is_manifest:
        planned = {
            item.name: change.dry_run(job.api, item, before[item.name], job.claim.name) for item in items
        }
    return items, before, planned, _works(job, items, before, planned)


def _works(job: Job, items: list[Item], before: Objects, planned: Objects) -> str:
    """Why there is nothing to do, or nothing."""
    verified = job.verified()
    if verified:
        return "the verification passes already"
    if verified is None and job.is_manifest and _digests(planned) == _digests(before):
        try:
            return "" if job.unsettled(items) else "everything is as it shall be, and works"
        except Failed:
            return ""
    return ""


def _refusal(job: Job, before: Objects) -> str:
    """Why it must not start now, or nothing."""
    if job.aborted:
        return "aborted before it was run"
    if job.plan["not_after"] is not None and time.time() > job.plan["not_after"]:
        return "the approval has expired"
    return seen.refusal(job.plan["expected"], _digests(before))


def _changed(job: Job, items: list[Item], before: Objects, planned: Objects) -> Objects:
    """Change, wait until it works, verify; what was about to be done is always written down before."""
    job.claim.note(
        phase="changing",
        snapshot=job.snapshot,
        planned=_digests(planned),
        paths={i.name: i.path for i in items},
    )
    after: Objects = {}
    if job.is_manifest:
        for item in items:
            if job.aborted:
                raise _Failed("aborted")
            after[item.name] = change.put(
                job.api, item, before[item.name], job.claim.name, digest(planned[item.name])
            )
            job.say(f"{item.name}: {'created' if before[item.name] is None else 'changed'}")
    else:
        ended = job.script("body", job.tail)
        job.exit_code = ended.exit_code
        if not ended.passed:
            raise _Failed(f"the script failed: {ended.why}")
        after = job.read(items)
    job.claim.note(phase="verifying", after=_digests(after))
    problem = job.settles([item for item in items if after[item.name] is not None])
    if problem:
        raise _Failed(problem)
    if job.verified(job.tail, job.plan["limits"]["timeout_seconds"]) is False:
        raise _Failed("aborted" if job.aborted else "the verification failed after the change")
    after = job.read(items)  # controllers may have completed what was applied
    job.claim.note(phase="done", after=_digests(after))
    return after


def take_back(job: Job, detail: str) -> dict[str, Any]:
    """Bring an unfinished run's objects back to its snapshot, prove it, and say ``rolled_back`` or not."""
    journal = job.claim.journal()
    if not journal:
        return job.result("rolled_back", detail)
    ours: dict[str, set[str]] | None = _left(journal)
    if not job.is_manifest and journal["phase"] == "changing":
        ours = None  # the script was killed somewhere in its middle: whatever differs is its work
    return _restored(job, journal, ours, detail)


def roll_back_success(job: Job) -> dict[str, Any]:
    """Restore what a successful run changed, only while everything still is as that run left it."""
    if not job.claim.look():
        return job.result("rollback_failed", "there is nothing to take back here: no claim")
    if (done := job.claim.result("rollback")) is not None:
        return done
    finished = job.claim.result("apply")
    if finished is None or finished["outcome"] != "succeeded":
        state = finished["outcome"] if finished else "no finished run"
        return job.result("rollback_failed", f"there is nothing to take back here: {state}")
    job.claim.take_over(job.dead)
    journal = job.claim.journal()
    ours = _left(journal)
    return _end(job, _restored(job, journal, ours, job.plan["reason"]))


def _restored(
    job: Job, journal: dict[str, Any], ours: dict[str, set[str]] | None, detail: str
) -> dict[str, Any]:
    job.snapshot = journal["snapshot"]
    job.aborted = False
    before: Objects = {}
    try:
        before = change.kept(job.api, job.namespace, journal["snapshot"])
        items = [Item(name, path) for name, path in journal["paths"].items()]
        change.restore(job.api, items, before, ours, job.claim.name)
        problem = _compensate(job)
    except Drift as drift:
        problem = f"changed by someone else since, so nothing more was restored: {drift}"
    except (Refused, NotApplicable, OSError) as error:
        # Without an API server there is no result yet: another runner goes on from the claim.
        problem = f"not restored: {error}"
    if problem:
        by_hand = f"the objects as they were are in {job.snapshot} in namespace {job.namespace}"
        return job.result("rollback_failed", f"{detail}; {problem}; {by_hand}", before)
    return job.result("rolled_back", detail, before)


def _compensate(job: Job) -> str:
    """Run the declared rollback script, where effects are left that no snapshot holds."""
    text = job.plan["rollback"]
    if job.plan["reversibility"] != "compensating" or not text.strip():
        return ""
    if job.is_manifest and not text.startswith("#!"):
        return ""  # the snapshot holds every object that manifests can change
    ended = job.script("rollback", job.tail)
    return "" if ended.passed else f"the rollback script failed: {ended.why}"


def _left(journal: dict[str, Any]) -> dict[str, set[str]]:
    """The digests that this run itself may have left, by object."""
    left: dict[str, set[str]] = {}
    for digests in (journal.get("planned", {}), journal.get("after", {})):
        for name, word in digests.items():
            left.setdefault(name, set()).add(word)
    return left


def check(job: Job) -> dict[str, Any]:
    """Look whether the fix is needed: ``already_remediated``, else ``not_applied``."""
    try:
        works = _planned(job)[-1]
    except _PROBLEMS as error:
        return job.result("not_applied", f"nothing was run: {error}")
    return job.result("already_remediated" if works else "not_applied", works or "the fix is needed")


def rehearse(job: Job) -> dict[str, Any]:
    """The server's own dry run: the exact difference, admission and conflicts included, nothing changed."""
    try:
        _, before, planned, works = _planned(job)
    except NotApplicable as error:
        return job.result("not_applied", str(error))
    except _PROBLEMS as error:
        return job.result("unknown", f"could not be rehearsed: {error}")
    if works:
        return job.result("already_remediated", works, before)
    if not job.is_manifest:
        return job.result(
            "unknown", "a script over the API has no dry run; its objects and rights were looked at", before
        )
    shown = diff(before, planned)
    return job.result(
        "succeeded", "by the API server's dry run; health is known only after it", before, planned, shown
    )


def _digests(objects: Objects) -> dict[str, str]:
    return {name: digest(item) for name, item in objects.items()}
