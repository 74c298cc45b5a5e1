"""A runner for databases that dies by SIGKILL, or loses its connection, around its n-th request.

Usage: dying_runner.py WORK N kill|cut. A cut before a request lets that through, and loses its answer.
"""

import os
import signal
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from suture_sandbox.runner.database import engines
from suture_sandbox.runner.database.main import main

work, fatal, harm = sys.argv[1], int(sys.argv[2]), sys.argv[3]
count = 0


def cut(engine, way: int) -> None:
    # A mark for the test, which cannot tell by an exit code.
    Path(work, "cut").touch()
    if engine._connection is not None:
        engine._connection._usock.shutdown(way)


def point(engine, way: int) -> None:
    global count
    count += 1
    if count == fatal:
        os.kill(os.getpid(), signal.SIGKILL) if harm == "kill" else cut(engine, way)


def dying(run):
    def made(self, *arguments):
        point(self, socket.SHUT_RD)
        answer = run(self, *arguments)
        point(self, socket.SHUT_RDWR)
        return answer

    return made


for engine in (engines.Sqlite, engines.Postgres):
    engine.run = dying(engine.run)
sys.exit(main(work))
