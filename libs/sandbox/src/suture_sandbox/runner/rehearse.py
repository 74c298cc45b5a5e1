"""The modes that change nothing: look whether a fix is needed, and try it on a copy."""

from __future__ import annotations

import os

from suture_sandbox.runner import snapshot
from suture_sandbox.runner.cage import SandboxBroken
from suture_sandbox.runner.collect import collect
from suture_sandbox.runner.difference import difference
from suture_sandbox.runner.stage import Stage
from suture_sandbox.runner.tree import PathRefused, Root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from suture_sandbox.runner.job import Job
    from suture_sandbox.runner.tree import Entries


def check(job: Job) -> dict[str, Any]:
    """Run the verification alone: ``already_remediated`` where it passes, else ``not_applied``."""
    try:
        _, stage = _copy(job)
        passes = job.verifies(stage, network=job.network, tail=job.tail)
    except (PathRefused, SandboxBroken, OSError) as error:
        return job.result("not_applied", f"nothing was run: {error}")
    if passes:
        return job.result("already_remediated", "the verification passes already")
    return job.result("not_applied", "the verification fails: the fix is needed")


def rehearse(job: Job) -> dict[str, Any]:
    """Run the body on a copy, offline: ``succeeded``, ``not_applied`` or ``already_remediated``, and a diff.

    A script that declares egress is verified only for real: its verification may ask the running service.
    """
    try:
        before, stage = _copy(job)
        offline = not job.plan["egress"]
        if offline and job.verifies(stage, network=False):
            return job.result("already_remediated", "the verification passes already", before)
        ended = job.script("body", stage, writable=True, network=False, tail=job.tail)
        job.exit_code = ended.exit_code
        after, undeclared = collect(stage)
        diff = difference(before, after, job.plan["secrets"])
        if not ended.passed:
            return job.result("not_applied", f"the script failed: {ended.why}", before, after, diff)
        if undeclared:
            return job.result(
                "not_applied", f"writes what it did not declare: {', '.join(undeclared)}", before, after, diff
            )
        if offline and job.verifies(stage, network=False, tail=job.tail) is False:
            return job.result("not_applied", "the verification fails after the change", before, after, diff)
    except (PathRefused, SandboxBroken, OSError) as error:
        return job.result("unknown", f"could not be rehearsed: {error}")
    detail = "" if offline else "verified only when it is applied: it needs the network"
    return job.result("succeeded", detail, before, after, diff)


def _copy(job: Job) -> tuple[Entries, Stage]:
    root = Root(job.plan["root"])
    folder = os.path.join(job.work, "stage")
    os.mkdir(folder, 0o700)
    before = snapshot.take(root, job.plan["writes"], os.path.join(job.work, "copy"))
    return before, Stage(root, before, job.plan["writes"], folder, job.script_user)
