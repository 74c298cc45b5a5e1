"""A runner beside the cluster that kills itself with SIGKILL around its n-th request that changes something.

Usage: dying_runner.py PLAN N HOLDER HOST PORT TOKEN_FILE CA_FILE. Ends as the runner does where it makes
fewer.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from suture_sandbox.runner.cluster.api import Api
from suture_sandbox.runner.cluster.apply import apply, roll_back_success
from suture_sandbox.runner.cluster.job import Job

plan, fatal, holder, host, port, token, authority = sys.argv[1:]
count = 0
call = Api.call


def point() -> None:
    global count
    count += 1
    if count == int(fatal):
        os.kill(os.getpid(), signal.SIGKILL)


def dying(self, method, *arguments, **options):
    if method == "GET" or threading.current_thread() is not threading.main_thread():
        return call(self, method, *arguments, **options)
    point()
    answer = call(self, method, *arguments, **options)
    point()
    return answer


Api.call = dying
job = Job(json.loads(Path(plan).read_text()), Api(host, int(port), token, authority), holder)
result = {"apply": apply, "rollback": roll_back_success}[job.plan["mode"]](job)
print("result", result["outcome"])
