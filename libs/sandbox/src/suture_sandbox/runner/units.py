"""Which of systemd's units a machine runs and starts at boot: asked before and after, as packages are.

A unit's word is what it does and what it does at boot, ``running, enabled``. What it does is told where it is
enabled or the script names it: others start and end by themselves.
"""

from __future__ import annotations

import os
import re

from suture_sandbox.runner.packages import Unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    States = dict[str, str]
    Changes = dict[str, tuple[str, str]]

ABSENT = "absent"
_TYPES = "--type=service,socket,timer"
_FILES = ("list-unit-files", _TYPES)
_UNITS = ("list-units", "--all", "--plain", _TYPES)
_SECONDS = 30
_RUNS = ("active", "reloading")
_BOOTED = "/run/systemd/system"
"""Where this is, systemd is the machine's init; see sd_booted(3)."""
_BY_HAND = {"enabled": "enable", "disabled": "disable", "masked": "mask"}


def states(environment: dict[str, str], named: frozenset[str]) -> States:
    """Word by unit; empty where systemd does not run the machine. Raises ``Unknown``."""
    import shutil  # here alone: a run in the sandbox does not pay for it

    if shutil.which("systemctl", path=environment.get("PATH", os.defpath)) is None:
        return {}
    files, loaded = _ask(_FILES, environment), _ask(_UNITS, environment)
    if files is None or loaded is None:
        return {}
    at_boot = {line[0]: line[1] for line in files if len(line) > 1 and line[1] != "transient"}
    does = {line[0]: _does(line[2], line[3]) for line in loaded if len(line) > 3 and line[1] != "not-found"}
    found = {}
    for name in at_boot.keys() | {unit for unit in does if _is_named(unit, named)}:
        boot = at_boot.get(name, "not at boot")
        told = boot.startswith("enabled") or _is_named(name, named)
        found[name] = f"{does.get(name, 'stopped')}, {boot}" if told else boot
    return found


def names_in(*texts: str) -> frozenset[str]:
    """What scripts say that may be the name of a unit."""
    return frozenset(word for text in texts for word in re.findall(r"[A-Za-z0-9_.@:-]+", text))


def named(found: States, words: frozenset[str]) -> States:
    """The units that a script names."""
    return {name: word for name, word in found.items() if _is_named(name, words)}


def differing(before: States, after: States) -> Changes:
    """Old and new word by unit."""
    names = sorted(before.keys() | after.keys())
    pairs = {name: (before.get(name, ABSENT), after.get(name, ABSENT)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def unlike(before: States, after: States) -> Changes:
    """Those of ``differing`` that are not as they must be after a rollback.

    A unit that was broken, which is to run and did not or started again and again, is held to what it does
    at boot alone.
    """
    return {name: pair for name, pair in differing(before, after).items() if not _was_broken(*pair)}


def differing_at_boot(before: States, after: States, only: set[str]) -> list[str]:
    """Those whose start at boot is another, as ``unit NAME``."""
    return [
        f"unit {name}"
        for name in sorted(only)
        if at_boot(before.get(name, ABSENT)) != at_boot(after.get(name, ABSENT))
    ]


def at_boot(word: str) -> str:
    """Without what the unit does now."""
    return word.rpartition(", ")[2]


def undo_by_hand(changed: Changes) -> list[str]:
    """The commands that bring units back; a unit that was not there goes with what brought it."""
    lines = []
    for name, (old, new) in changed.items():
        if at_boot(old) != at_boot(new):
            lines += [f"systemctl unmask -- {name}"] if at_boot(new) == "masked" else []
            verb = _BY_HAND.get(at_boot(old))
            lines += [f"systemctl {verb} -- {name}"] if verb else []
        for word, verb in (("running, ", "start"), ("stopped, ", "stop")):
            if old.startswith(word) and not new.startswith(word):
                lines.append(f"systemctl {verb} -- {name}")
    return lines


def _was_broken(old: str, new: str) -> bool:
    broken = old.startswith(("restarting, ", "stopped, enabled"))
    return broken and at_boot(old) == at_boot(new)


def _is_named(unit: str, words: frozenset[str]) -> bool:
    return unit in words or unit.removesuffix(".service") in words


def _does(active: str, detail: str) -> str:
    if detail == "auto-restart":
        return "restarting"
    return "running" if active in _RUNS else "stopped"


def _ask(question: tuple[str, ...], environment: dict[str, str]) -> list[list[str]] | None:
    """The words of each line; ``None`` where there is no systemd to answer."""
    import subprocess

    command = ["systemctl", *question, "--no-legend", "--no-pager", "--full"]
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Unknown(f"systemctl did not answer in {_SECONDS} s") from None
    if done.returncode == 0:
        return [line.split() for line in done.stdout.decode(errors="replace").splitlines()]
    if os.path.isdir(_BOOTED):
        raise Unknown(f"systemctl: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return None
