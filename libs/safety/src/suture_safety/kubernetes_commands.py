"""What the containers of a pod run: judged as the commands that they are."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from suture_safety.collector import Collector
from suture_safety.pod_security import CONTAINERS
from suture_safety.yaml_reader import entries, items, scalar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.nodes import Node

    from suture_safety.bounds import Budget

_HOOKS = ("livenessProbe", "readinessProbe", "startupProbe")
# A service's container is meant to run for ever, and to start what its image holds.
_ORDINARY = ("resources.", "dynamic.unresolved-command", "dynamic.script-file", "dynamic.source", "unread.")


def dangerous_commands(pod: Node, budget: Budget) -> Iterator[tuple[Node, str]]:
    """The commands that break a rule for scripts, each with what the first of them says."""
    from suture_safety.bash.analyse import analyse_bash  # only where a manifest has commands

    spec = entries(entries(pod).get("spec"))
    for container in (one for name in CONTAINERS for one in items(spec.get(name))):
        for node, words in _commands(entries(container)):
            found = Collector()
            analyse_bash(shlex.join(words), found, budget, exact=False)
            for one in found.findings:
                if one.severity != "info" and not one.rule_id.startswith(_ORDINARY):
                    yield node, one.message
                    break


def _commands(container: dict[str, Node]) -> Iterator[tuple[Node, list[str]]]:
    command, arguments = container.get("command"), container.get("args")
    if command is not None:
        yield command, _words(command) + _words(arguments)
    elif arguments is not None:
        # What the image runs is not known; where it is a shell, these are its arguments.
        words = _words(arguments)
        yield arguments, ["sh", *words] if "-c" in words[:2] else []
    hooks = [entries(container.get(name)) for name in _HOOKS]
    hooks += [entries(one) for one in entries(container.get("lifecycle")).values()]
    for hook in hooks:
        run = entries(hook.get("exec")).get("command")
        if run is not None:
            yield run, _words(run)


def _words(node: Node | None) -> list[str]:
    return [scalar(one) or "" for one in items(node)]
