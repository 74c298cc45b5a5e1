"""Settings that a script writes or loads: judged line by line, as those of a configuration patch are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.bash.values import is_known, normal_path, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tree_sitter import Node

    from suture_safety.bash.command import Command
    from suture_safety.bash.machine import Machine, Stream

_CONFIGURATION = re.compile(
    r"/etc/.+|/usr/lib/(?:systemd|sysctl\.d)/.+|.*\.(?:conf|cnf|cfg|ini)|.*/sshd?_config"
)
_KEPT_BY_THE_OWNER = re.compile(r"/(?:etc|run|usr/lib|usr/local/lib|lib)/sysctl\.(?:conf|d/.+)")
_REPLACEMENT = re.compile(r"(?<![A-Za-z_\\])s([/|#,@~!%:])(?:\\.|(?!\1).)*\1((?:\\.|(?!\1).)*)\1")
_LINE = re.compile(r"(?:^|[;\d/$}])[ \t]*[aic](?:\\\n?|[ \t])[ \t]*(.+)", re.DOTALL)


def judge_written(machine: Machine, path: str, text: str, place: tuple[int, int]) -> None:
    """What a command writes to ``path``, where that is a configuration file."""
    if text and _CONFIGURATION.fullmatch(path):
        _judge(machine, text, place)


def judge_edited(machine: Machine, command: Command, nodes: Callable[[], list[Node]]) -> Stream | None:
    """What ``sed -i`` puts in the place of what it finds."""
    if "-i" not in command.options and "--in-place" not in command.options:
        return None
    for word in command.arguments:
        for found in _REPLACEMENT.finditer(word):
            _judge(machine, _plain(found[2]), command.place)
        if line := _LINE.search(word):
            _judge(machine, _plain(line[1]), command.place)
    return None


def judge_loaded(machine: Machine, command: Command, nodes: Callable[[], list[Node]]) -> Stream | None:
    """The files that ``sysctl -p`` reads: what the script wrote into them, or that nobody can tell."""
    if not command.has("-p", "--load"):
        return None
    named = [command.options["--load"]] if command.options.get("--load") else command.operands
    for name in named:
        path = normal_path(name, command.cwd)
        known = machine.files.get(path) or machine.process_sources.get(name)
        if known is not None and is_known(known.text):
            _judge(machine, known.text, command.place)
        elif not _KEPT_BY_THE_OWNER.fullmatch(path):
            machine.collector.add(
                "kernel.settings-from-a-file",
                "warning",
                f"sysctl takes settings from {shown(path)}, which the script does not show",
                "Put the settings into the script, or below /etc/sysctl.d, where the owner keeps them.",
                command.place,
            )
    return None


def _plain(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\", "")


def _judge(machine: Machine, text: str, place: tuple[int, int]) -> None:
    from suture_safety.config import loosened  # only where settings are written

    for line in text[:20_000].split("\n"):
        if line.strip() and not line.lstrip().startswith(("#", ";", "//")):
            machine.budget.step()
            for what, severity in loosened(line[:2_000]):
                machine.collector.add("config.loosened", severity, what, "Keep the stricter setting.", place)
