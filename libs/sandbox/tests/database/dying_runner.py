"""A runner for databases that kills itself with SIGKILL around its n-th request.

Usage: dying_runner.py WORK N.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from suture_sandbox.runner.database import engines
from suture_sandbox.runner.database.main import main

work, fatal = sys.argv[1], int(sys.argv[2])
count = 0


def dying(run):
    def made(self, *arguments):
        global count
        for moment in (0, 1):
            count += 1
            if count == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            if moment == 0:
                answer = run(self, *arguments)
        return answer

    return made


for engine in (engines.Sqlite, engines.Postgres):
    engine.run = dying(engine.run)
sys.exit(main(work))
