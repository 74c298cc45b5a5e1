"""A runner's process that waits for a run: to start Python and read the runner is a third of a run's cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_WAIT = """
import os, sys
sys.path[:0] = {paths!r}
from {runner} import main
work = os.read(0, 4096).decode()
if not work:
    sys.exit()  # whoever would have said it has gone
log = os.open(work + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
null = os.open(os.devnull, os.O_RDONLY)
for fd, to in ((null, 0), (log, 1), (log, 2)):
    os.dup2(fd, to)
os.close(null)
os.close(log)
sys.exit(main(work))
"""


class SpareRunner:
    """At most one waits. It ends by itself when its executor does, unless it was given a run before."""

    def __init__(self, runner: str, paths: list[str]) -> None:
        self._code = _WAIT.format(runner=runner, paths=paths)
        self._waiting: subprocess.Popen[bytes] | None = None

    def take(self, work: Path) -> subprocess.Popen[bytes]:
        """A runner that works on the run in that folder: the one that waits, or a new one."""
        child, self._waiting = self._waiting, None
        if child is None or child.poll() is not None or not _told(child, work):
            child = self._start()
            _told(child, work)
        return child

    def prepare(self) -> None:
        """Have one for the next run."""
        if self._waiting is None or self._waiting.poll() is not None:
            self._waiting = self._start()

    def close(self) -> None:
        if self._waiting is not None:
            self._waiting.kill()
            self._waiting.communicate()
            self._waiting = None

    def _start(self) -> subprocess.Popen[bytes]:
        # A session of its own: neither a signal to the executor's group nor its end reaches the runner.
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", self._code],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={"LANG": "C.UTF-8"},
        )


def _told(child: subprocess.Popen[bytes], work: Path) -> bool:
    assert child.stdin is not None  # noqa: S101
    try:
        with child.stdin:
            child.stdin.write(bytes(work))
    except BrokenPipeError:
        return False
    return True
