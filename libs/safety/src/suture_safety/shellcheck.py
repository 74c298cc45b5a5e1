"""ShellCheck as a second reader of bash: a program of its own, started only for whoever asks for it.

It sees what goes wrong in bash itself, where the rules see what a command does to a system. Its licence is
the GPL; it is never imported, and nothing here needs it. ``pip install suture-safety[shellcheck]`` brings it.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suture_safety.collector import finding

if TYPE_CHECKING:
    from suture_contracts.report import Part, SafetyFinding

SECONDS = 10
_MAX_CHARACTERS = 200_000
_MAX_FINDINGS = 50
_MEMORY_BYTES = 1_000_000_000
# Warnings of ShellCheck's that are about harm: a system directory is removed, or is when a variable is empty.
_HARMFUL = frozenset({2114, 2115})


class ShellCheck:
    """Calls the program; what it calls an error, or harmful, is a ``warning`` here: somebody has to look.

    A text that it gives no answer on within ``SECONDS`` of CPU gets a warning that says so.
    """

    def __init__(self, program: str) -> None:
        self._program = program

    @classmethod
    def find(cls) -> ShellCheck | None:
        """The program beside this interpreter or on the ``PATH``; ``None`` where it is not installed."""
        beside = Path(sys.executable).parent / "shellcheck"
        program = str(beside) if beside.exists() else shutil.which("shellcheck")
        return None if program is None else cls(program)

    def version(self) -> str:
        """What it calls itself: another version, other findings."""
        done = subprocess.run([self._program, "--version"], capture_output=True, timeout=SECONDS, check=False)
        return done.stdout.decode(errors="replace").strip()[:500]

    def findings(self, text: str, part: Part = "body") -> list[SafetyFinding]:
        """What it says of one bash text. Never raises."""
        if len(text) > _MAX_CHARACTERS:
            return [_no_answer(f"is not asked about more than {_MAX_CHARACTERS:,} characters", part)]
        command = [self._program, "--norc", "--shell=bash", "--severity=warning", "--format=json1", "-"]
        try:
            done = subprocess.run(
                command,
                input=text.encode("utf-8", "replace"),
                capture_output=True,
                timeout=3 * SECONDS,
                check=False,
                preexec_fn=_bound,
            )
            comments = list(json.loads(done.stdout)["comments"])
        except OSError as error:
            return [_no_answer(f"could not be started: {error.strerror}", part)]
        except subprocess.TimeoutExpired:
            return [_no_answer("did not answer in time", part)]
        except (ValueError, KeyError, TypeError):
            return [_no_answer("gave no answer that can be read", part)]
        grave = [one for one in comments if one["level"] == "error" or one["code"] in _HARMFUL]
        return [_finding(one, part) for one in grave[:_MAX_FINDINGS]]


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    # Of what it uses, not of its address space: its runtime reserves a terabyte of that.
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _finding(comment: dict[str, Any], part: Part) -> SafetyFinding:
    code = f"SC{comment['code']}"
    return finding(
        "shellcheck.error",
        "warning",
        f"{code}: {comment['message']}",
        f"See https://www.shellcheck.net/wiki/{code}.",
        comment["line"],
        comment["column"],
        part,
    )


def _no_answer(why: str, part: Part) -> SafetyFinding:
    message = f"ShellCheck {why}"
    return finding("shellcheck.no-answer", "warning", message, "Make it shorter and simpler.", part=part)
