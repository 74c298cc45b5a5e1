"""Where the runner begins in a pod: one plan in, one result out, kept in the claim or printed."""

from __future__ import annotations

import json
import os
import signal

from suture_sandbox.runner.cluster.api import Api, Refused, Unreachable
from suture_sandbox.runner.cluster.apply import apply, check, rehearse, roll_back_success
from suture_sandbox.runner.cluster.claim import Lost
from suture_sandbox.runner.cluster.hiding import hide
from suture_sandbox.runner.cluster.job import Job

RESULT = "suture-result: "
"""Begins the line of the pod's log that holds the result of a run that keeps none in a claim."""
_MODES = {"check": check, "rehearse": rehearse, "apply": apply, "rollback": roll_back_success}


def main(path: str) -> int:
    """Run the plan at ``path``; the exit code says only whether there is a result."""
    hidden = hide()
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    plan["cluster"]["isolation"].append(hidden)
    job = Job(plan, Api.of_pod(plan["cluster"]["api_server"]), os.environ["SUTURE_POD_UID"])

    def on_term(*_: object) -> None:
        job.aborted = True

    signal.signal(signal.SIGTERM, on_term)
    try:
        result = _MODES[plan["mode"]](job)
    except (Lost, Refused, Unreachable) as error:
        job.say(f"ended without a result: {error}")
        return 70
    print(RESULT + json.dumps(result), flush=True)  # noqa: T201
    return 0
