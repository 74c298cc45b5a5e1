"""Apply: claim, look, keep, run, put in place, verify; and take back whatever did not work."""

from __future__ import annotations

import os
import time

from suture_sandbox.runner import change, seen, snapshot
from suture_sandbox.runner.cage import SandboxBroken
from suture_sandbox.runner.collect import collect
from suture_sandbox.runner.difference import difference
from suture_sandbox.runner.durable import mark, sync_directory, write_json
from suture_sandbox.runner.reload import reload
from suture_sandbox.runner.stage import Stage
from suture_sandbox.runner.tree import PathRefused, Root, words
from suture_sandbox.runner.undo import take_back

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from suture_sandbox.runner.job import Job
    from suture_sandbox.runner.tree import Entries


_NOT_CHECKED = "not checked: "
"""How the interpreter of configuration patches begins a line about a program that is not there."""


class _Failed(Exception):
    """The claimed run did not reach its end; the argument says why."""


def claim(folder: str) -> bool:
    """Take the exclusive right to run, durably; false where it was taken before."""
    above = os.path.dirname(folder)
    os.makedirs(above, mode=0o700, exist_ok=True)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return False
    sync_directory(above)
    return True


def apply(job: Job) -> dict[str, Any]:
    """Run the whole; a claim that exists is of a killed run, which is taken back and never run again."""
    if not claim(job.claim):
        return take_back(job, "the runner was killed before its end; taken back")
    try:
        root = Root(job.plan["root"])
        before = snapshot.take(root, job.plan["writes"], os.path.join(job.claim, "snapshot"))
        stage = _stage(job, root, before)
        passes = job.verifies(stage, network=job.network)
    except (PathRefused, SandboxBroken, OSError) as error:
        return job.result("not_applied", f"nothing was run: {error}")
    if passes:
        return job.result("already_remediated", "the verification passes already", before)
    if problem := refusal(job, before):
        return job.result("not_applied", problem, before)
    try:
        after = _body(job, stage)
        _commit(job, root, before, after)
        _verify(job, root, stage, after)
    except change.Drift as drift:
        if not os.path.exists(os.path.join(job.claim, "after.json")):
            return job.result("not_applied", f"changed by someone else meanwhile: {drift}", before)
        return take_back(job, f"changed by someone else meanwhile: {drift}")
    except (_Failed, PathRefused, SandboxBroken, OSError) as error:
        return take_back(job, str(error))
    return job.result(
        "succeeded", _left_open(job), before, after, difference(before, after, job.plan["secrets"])
    )


def _left_open(job: Job) -> str:
    """What a success was not held against."""
    found = [] if job.plan["verify"].strip() else ["the script has no verification"]
    if job.plan["script_type"] == "config":
        lines = job.tail.text(job.plan["secrets"]).splitlines()
        found += [line for line in lines if line.startswith(_NOT_CHECKED)]
    return "; ".join(found)


def _stage(job: Job, root: Root, before: Entries) -> Stage:
    folder = os.path.join(job.work, "stage")
    os.mkdir(folder, 0o700)
    return Stage(root, before, job.plan["writes"], folder, job.script_user)


def refusal(job: Job, before: Entries) -> str:
    """Why it must not start now, or nothing."""
    if job.aborted:
        return "aborted before it was run"
    if job.plan["not_after"] is not None and time.time() > job.plan["not_after"]:
        return "the approval has expired"
    return seen.refusal(job.plan["expected"], words(before))


def _body(job: Job, stage: Stage) -> Entries:
    mark(os.path.join(job.claim, "body-started"))
    ended = job.script("body", stage, writable=True, network=job.network, tail=job.tail)
    job.exit_code = ended.exit_code
    if not ended.passed:
        raise _Failed(f"the script failed: {ended.why}")
    after, undeclared = collect(stage)
    if undeclared:
        raise _Failed(f"the script wrote what it had not declared: {', '.join(undeclared[:20])}")
    if job.aborted:
        raise _Failed("aborted")
    return after


def _commit(job: Job, root: Root, before: Entries, after: Entries) -> None:
    drifted = snapshot.differences(root, {path: before[path] for path in after if path in before})
    if drifted:
        raise change.Drift(", ".join(drifted))
    snapshot.make_durable(os.path.join(job.claim, "snapshot"), before)
    write_json(os.path.join(job.claim, "after.json"), after)
    change.apply(root, before, after, job.tag)


def _verify(job: Job, root: Root, stage: Stage, after: Entries) -> None:
    if job.aborted:
        raise _Failed("aborted")
    drifted = snapshot.differences(root, after)
    if drifted:
        raise _Failed(f"not in place after the change: {', '.join(drifted)}")
    if problem := reload(job, after):
        raise _Failed(problem)
    if job.verifies(stage, network=job.network, tail=job.tail) is False:
        raise _Failed("aborted" if job.aborted else "the verification failed after the change")
