"""Taking back: what a failed, aborted or killed run left, and what a successful one did."""

from __future__ import annotations

import os

from suture_sandbox.runner import change, snapshot
from suture_sandbox.runner.cage import SandboxBroken
from suture_sandbox.runner.durable import read_json
from suture_sandbox.runner.reload import reload
from suture_sandbox.runner.stage import Stage
from suture_sandbox.runner.tree import ABSENT, PathRefused, Root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from suture_sandbox.runner.job import Job
    from suture_sandbox.runner.tree import Entries


def take_back(job: Job, detail: str) -> dict[str, Any]:
    """Bring an unfinished run's paths back to its snapshot, prove it, and say ``rolled_back`` or not."""
    job.progress.step("rollback")
    before = snapshot.load(os.path.join(job.claim, "snapshot")) or {}
    after: Entries = read_json(os.path.join(job.claim, "after.json")) or {}
    problem = _restore(job, before, after)
    if not problem and os.path.exists(os.path.join(job.claim, "body-started")):
        problem = _compensate(job, before)
    if problem:
        return job.result("rollback_failed", f"{detail}; {problem}", before, after)
    return job.result("rolled_back", detail, before)


def roll_back_success(job: Job) -> dict[str, Any]:
    """Restore what a successful run changed, only while everything still is as that run left it."""
    job.progress.step("rollback")
    finished = read_json(os.path.join(job.claim, "apply.json"))
    before = snapshot.load(os.path.join(job.claim, "snapshot")) or {}
    after: Entries = read_json(os.path.join(job.claim, "after.json")) or {}
    if finished is None or finished["outcome"] != "succeeded":
        state = finished["outcome"] if finished else "no finished run"
        return job.result("rollback_failed", f"there is nothing to take back here: {state}")
    problem = _restore(job, before, after) or _compensate(job, before)
    if problem:
        return job.result("rollback_failed", problem, before, after)
    return job.result("rolled_back", job.plan["reason"], before)


def _restore(job: Job, before: Entries, after: Entries) -> str:
    """Empty, or why the paths are not what they were before."""
    if not after:
        return ""
    try:
        root = Root(job.plan["root"])
        change.restore(root, before, after, job.tag)
        left = snapshot.differences(root, {path: before.get(path, ABSENT) for path in after})
    except change.Drift as drift:
        return f"changed by someone else since, so nothing was restored: {drift}"
    except (OSError, PathRefused) as error:
        return f"not restored: {error}; the snapshot is kept in {job.claim}/snapshot"
    if left:
        return f"still different after the restore: {', '.join(left)}"
    problem = reload(job, after)
    return f"restored, but {problem}" if problem else ""


def _compensate(job: Job, before: Entries) -> str:
    """Run the declared rollback, where effects are left that no snapshot holds; its writes are discarded."""
    if job.plan["reversibility"] != "compensating" or not job.plan["rollback"].strip():
        return ""
    job.aborted = False
    try:
        folder = os.path.join(job.work, "undo-stage")
        os.makedirs(folder, exist_ok=True)
        stage = (
            Stage(Root(job.plan["root"]), before, job.plan["writes"], folder, job.script_user)
            if before
            else None
        )
        ended = job.script("rollback", stage, writable=True, network=job.network, tail=job.tail)
    except (SandboxBroken, OSError, PathRefused) as error:
        return f"the rollback script could not run: {error}"
    return "" if ended.passed else f"the rollback script failed: {ended.why}"
