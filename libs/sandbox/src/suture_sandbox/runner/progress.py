"""What a run does and prints while it runs, for whoever watches: JSON lines in a file of its folder."""

from __future__ import annotations

import json
import os
import time

from suture_sandbox.runner.output import MASK, masked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FILE = "progress"
MOST_BYTES = 128 << 10
"""What one run may say of its output; its steps are few, and are always said."""
_MOST_STEPS = 50
_LONGEST_LINE = 8 << 10
_SHORTEST_SECRET = 8
_KEY_BEGINS, _KEY_ENDS = b"PRIVATE KEY-----", b"-----END "


def step_of(phase: str, ran_body: bool, mode: str = "apply") -> str:
    """What watchers hear of a script's phase; the verification before the body is the check."""
    if phase == "verify":
        return "verify" if ran_body else "check"
    return mode if phase == "body" else phase


class Lines:
    """What is printed, in whole lines and masked: half a secret could not be found."""

    def __init__(self, secrets: list[str]) -> None:
        # A secret of several lines is printed line by line.
        parts = [line for secret in secrets for line in secret.splitlines()]
        self._secrets = [*secrets, *(line for line in parts if len(line) >= _SHORTEST_SECRET)]
        self._rest = b""
        self._too_long = False
        self._in_key = False

    def put(self, data: bytes) -> list[str]:
        """The lines that end in ``data``, however it was cut."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        shown = [self._shown(line) for line in lines]
        if len(self._rest) > _LONGEST_LINE:
            self._rest, self._too_long = b"", True
        return shown

    def end(self) -> list[str]:
        """What was printed last, which may be no whole line; a key that was begun ends here, too."""
        shown = [self._shown(self._rest)] if self._rest or self._too_long else []
        self._rest, self._in_key = b"", False
        return shown

    def _shown(self, data: bytes) -> str:
        if self._too_long or len(data) > _LONGEST_LINE:
            self._too_long = False
            return f"[a line of more than {_LONGEST_LINE} bytes is left out]"
        if self._in_key or _KEY_BEGINS in data:
            self._in_key = _KEY_ENDS not in data
            return MASK
        return masked(data.decode("utf-8", "replace").replace("\x00", "\ufffd"), self._secrets)


class Progress:
    """Appends ``{"at", "step"}`` and ``{"at", "line"}`` to ``FILE`` in ``folder``; ``at`` is a Unix time.

    Lines are whole and masked. Not durable and not complete: the result has the end of the output.
    """

    def __init__(self, folder: str, secrets: list[str]) -> None:
        self._path = os.path.join(folder, FILE)
        self._lines = Lines(secrets)
        self._fd = -1
        self._said = 0
        self._steps = 0

    def step(self, name: str) -> None:
        self._steps += 1
        if self._steps <= _MOST_STEPS:
            self._write({"step": name})

    def put(self, data: bytes) -> None:
        """What was printed, as it came."""
        if self._said <= MOST_BYTES:
            for line in self._lines.put(data):
                self._line(line)

    def end(self) -> None:
        """The script has ended: what it printed last may be no whole line."""
        for line in self._lines.end():
            self._line(line)

    def _line(self, text: str) -> None:
        if self._said > MOST_BYTES:
            return
        self._said += len(text) + 40
        if self._said > MOST_BYTES:
            text = "[what follows is not shown while it runs; the result has the output's end]"
        self._write({"line": text})

    def _write(self, entry: dict[str, Any]) -> None:
        try:
            if self._fd < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._fd = os.open(self._path, flags, 0o600)
            os.write(self._fd, json.dumps({"at": round(time.time(), 3), **entry}).encode() + b"\n")
        except OSError:
            return  # nobody's run fails because nobody can watch it
