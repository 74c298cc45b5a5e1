"""What stands on a terminal while a system runs in the foreground."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

CURSOR_UP = "\x1b[1A"
PROGRAM = """
import time, click
from suture_cli.status import Status
status = Status()
with status.live():
    time.sleep(0.6)
    with status.aside():
        click.echo("Suture runs: http://127.0.0.1:8080")
    time.sleep(0.6)
"""


def test_a_line_that_is_printed_beside_the_table_stands_alone() -> None:
    shown = on_a_terminal(PROGRAM)
    # It begins on a fresh or an erased line, and the table goes on below it.
    assert re.search(r"(\n|\x1b\[2K)Suture runs: http://127\.0\.0\.1:8080\r\n", shown), shown
    below = shown[shown.index("Suture runs") :]
    assert "Ctrl-C ends it" in below
    assert CURSOR_UP not in below[: below.index("Ctrl-C ends it")]


def on_a_terminal(program: str) -> str:
    """All that the program wrote to a terminal of 80 columns."""
    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=its, stdout=its, stderr=its, env=environment
    )
    os.close(its)
    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:
        pass  # the other end is closed
    finally:
        os.close(ours)
    assert process.wait(timeout=20) == 0, shown
    return shown.decode()
