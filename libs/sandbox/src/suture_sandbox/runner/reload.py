"""The target's own commands after its files changed: what makes a program read them anew."""

from __future__ import annotations

import os

from suture_sandbox.runner import session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from suture_sandbox.runner.job import Job


def reload(job: Job, changed: Iterable[str]) -> str:
    """Run each command whose path is one of ``changed`` or above one; which failed and how, or nothing."""
    paths = list(changed)
    for hook in job.raw.get("reload", []):
        if not any(path == hook["path"] or path.startswith(hook["path"] + "/") for path in paths):
            continue
        problem = _run(job, hook)
        if problem:
            return f"the target's reload for {hook['path']} failed: {problem}"
    return ""


def _run(job: Job, hook: dict[str, Any]) -> str:
    job.progress.step("reload")
    job.tail.watcher = job.progress.put
    try:
        # Not ended by an abort: it is short, and a reload in its middle helps nobody.
        ended = session.run(
            hook["command"], job.environment, job.tail, hook["timeout_seconds"], lambda: "",
            os.path.join(job.work, "session"),
        )  # fmt: skip
    finally:
        job.progress.end()
    return "" if ended.passed else f"{' '.join(hook['command'])}: {ended.why}"
