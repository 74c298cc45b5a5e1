"""Holds the analysis against bash itself: what bash runs, the analysis must see.

A program calls a command of no effect in bubblewrap; the analysis reads the same about one that it knows.
Where bash ran the one and the analysis has nothing to say about the other, a command can hide.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from suture_safety import analyse

from libs.safety.tests.beside_bash.programs import program

COMMAND, KNOWN = "marker", "reboot"
_AT_ONCE = 200
_RUN_EACH = """
for file in /tmp/.programs/*; do
    NUMBER=${file##*/} timeout 3 bash "$file" </dev/null >/dev/null 2>&1
done
exit 0
"""
_MARKER = """#!/bin/sh
: > "/tmp/.seen/$NUMBER"
"""


def ran(programs: list[str]) -> list[bool]:
    """Of each program whether bash came to run the command; nothing but a folder of theirs is writable."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for part in ("programs", "bin", "seen"):
            (root / part).mkdir()
        for number, text in enumerate(programs):
            (root / "programs" / str(number)).write_text(text)
        marker = root / "bin" / COMMAND
        marker.write_text(_MARKER)
        marker.chmod(0o755)
        cage = "bwrap --unshare-all --die-with-parent --new-session --ro-bind / / --dev /dev --proc /proc"
        cage += f" --tmpfs /tmp --ro-bind {root}/programs /tmp/.programs --ro-bind {root}/bin /tmp/.bin"
        cage += f" --bind {root}/seen /tmp/.seen --setenv PATH /tmp/.bin:/usr/bin:/bin bash -c"
        subprocess.run([*cage.split(), _RUN_EACH], check=True, capture_output=True, timeout=5 * len(programs))
        seen = {path.name for path in (root / "seen").iterdir()}
        return [str(number) in seen for number in range(len(programs))]


def hidden(seeds: range) -> tuple[int, list[str]]:
    """How many of the programs run the command, and those of them about which the analysis is silent."""
    done = ran([program(seed, COMMAND) for seed in seeds])
    running = [program(seed, KNOWN) for seed, does in zip(seeds, done, strict=True) if does]
    silent = [
        text for text in running if all(one.severity == "info" for one in analyse(text, "bash").findings)
    ]
    return len(running), silent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=2_000)
    options = parser.parse_args()
    total, found = 0, 0
    for start in range(options.first, options.first + options.count, _AT_ONCE):
        running, silent = hidden(range(start, start + _AT_ONCE))
        total, found = total + running, found + len(silent)
        for text in silent:
            print(f"--- hidden:\n{text}")
        print(f"{start + _AT_ONCE - options.first} programs, {total} ran, {found} hidden", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
