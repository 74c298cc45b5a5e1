"""An approver that kills itself with SIGKILL around its n-th write or publication: dying_approver.py N."""

import sys

from suture_approver.main import main
from suture_chassis.documents import Documents
from suture_chassis.publisher import Publisher
from suture_testkit.dying import die_around

CALLS = {Documents: ("insert", "update"), Publisher: ("publish", "publish_until_confirmed")}
die_around(CALLS, int(sys.argv[1]))
main()
