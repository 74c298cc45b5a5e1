"""The runner in a pod and its script are one user: what each may see of the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
# As in a pod, where the user is set before the program starts: what changes its user by itself is hidden.
NOBODY = """
import ctypes, os
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
"""
WAIT = "print('ready', flush=True); import sys; sys.stdin.read()\n"
HIDE = "from suture_sandbox.runner.cluster.hiding import HIDDEN, hide\nassert hide() == HIDDEN\n"
READ = "import sys\nprint(len(open(f'/proc/{sys.argv[1]}/environ', 'rb').read()) > 0)\n"


@pytest.mark.parametrize(("hides", "seen"), [("", True), (HIDE, False)])
def test_another_process_of_the_same_user_sees_a_runner_only_where_it_did_not_hide(
    hides: str, seen: bool
) -> None:
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n"
    code += "import suture_sandbox.runner.cluster.hiding\n" if hides else ""
    with subprocess.Popen(
        [sys.executable, "-c", code + NOBODY + hides + WAIT],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as runner:  # fmt: skip
        assert runner.stdout is not None
        assert runner.stdout.readline() == "ready\n"
        reader = subprocess.run(
            [sys.executable, "-c", NOBODY + READ, str(runner.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (reader.stdout == "True\n") is seen, reader.stderr
        assert ("PermissionError" in reader.stderr) is not seen
        runner.communicate("")
