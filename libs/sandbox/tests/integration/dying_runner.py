"""A runner that kills itself with SIGKILL before its n-th call that changes something.

Usage: dying_runner.py WORK N. Ends as the runner does where it makes fewer calls.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from suture_sandbox.runner.main import main

CALLS = (
    "mkdir",
    "rename",
    "unlink",
    "rmdir",
    "symlink",
    "fchmod",
    "fchown",
    "utime",
    "fsync",
    "fork",
    "waitpid",
    "truncate",
)
work, fatal = sys.argv[1], int(sys.argv[2])
count = 0


def dying(call):
    def made(*arguments, **options):
        global count
        count += 1
        if count == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **options)

    return made


for name in CALLS:
    setattr(os, name, dying(getattr(os, name)))
sys.exit(main(work))
