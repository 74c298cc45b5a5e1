"""An executor that kills itself with SIGKILL around its n-th write, publication or call of a sandbox.

Usage: dying_executor.py N ARMED. Counts from when the file ARMED is there; lives on where there are fewer.
"""

import os
import signal
import sys
from pathlib import Path

from suture_chassis.documents import Documents
from suture_chassis.publisher import Publisher
from suture_executor.locks import Locks
from suture_executor.main import main
from suture_sandbox.bubblewrap import BubblewrapSandbox

CALLS = {
    Documents: ("insert", "update"),
    Publisher: ("publish", "publish_until_confirmed"),
    Locks: ("_take_there", "_free"),
    BubblewrapSandbox: ("start", "result", "forget"),
}
fatal, armed = int(sys.argv[1]), Path(sys.argv[2])
count = 0


def point() -> None:
    global count
    if armed.exists():
        count += 1
        if count == fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def dying(call):
    async def made(*arguments, **options):
        point()
        answer = await call(*arguments, **options)
        point()
        return answer

    return made


for kind, names in CALLS.items():
    for name in names:
        setattr(kind, name, dying(getattr(kind, name)))
main()
