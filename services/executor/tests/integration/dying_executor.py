"""An executor that kills itself with SIGKILL around its n-th write, publication or call of a sandbox.

Usage: dying_executor.py N ARMED. Counts from when the file ARMED is there; lives on where there are fewer.
"""

import sys
from pathlib import Path

from suture_chassis.documents import Documents
from suture_chassis.publisher import Publisher
from suture_executor.locks import Locks
from suture_executor.main import main
from suture_sandbox.bubblewrap import BubblewrapSandbox
from suture_testkit.dying import die_around

CALLS = {
    Documents: ("insert", "update"),
    Publisher: ("publish", "publish_until_confirmed"),
    Locks: ("_take_there", "_free"),
    BubblewrapSandbox: ("start", "result", "forget"),
}
die_around(CALLS, int(sys.argv[1]), Path(sys.argv[2]).exists)
main()
