"""Whether a user of its own could read what a script names, or only the files' owner can."""

from __future__ import annotations

import os
import re
import stat

from suture_sandbox.protocol import RunPlan

_PATH = re.compile(r"/[^\s'\"`$;|&<>(){}*?\\]+")
_MAX_PATHS = 500


def readable_by_others(plan: RunPlan) -> bool:
    """Looks at the target's folder and at the existing paths in it that the script's texts name.

    Declared writes do not count: the script works on copies of them.
    """
    texts = "\n".join((plan.body, plan.verify, plan.rollback))
    named = [path.rstrip("/") for path in dict.fromkeys(_PATH.findall(texts))][:_MAX_PATHS]
    inside = [path for path in named if path.startswith(plan.root + "/") and path not in plan.writes]
    return all(_open_to_others(plan.root, path) for path in (plan.root, *inside))


def _open_to_others(root: str, path: str) -> bool:
    parts = os.path.relpath(path, root).split("/") if path != root else []
    if ".." in parts:
        return True  # not inside; the sandbox does not show it
    step = root
    for part in ["", *parts]:
        step = os.path.join(step, part) if part else step
        try:
            mode = os.lstat(step).st_mode
        except OSError:
            return True  # nothing there: nothing to read
        wanted = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
        if mode & wanted != wanted:
            return False
    return True
