"""Calls of the script's own functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suture_safety.bash import statements
from suture_safety.bash.machine import Stream
from suture_safety.bash.values import ANY
from suture_safety.collector import Collector

if TYPE_CHECKING:
    from suture_safety.bash.machine import Machine

_MAX_ACTIVE = 20


def call(machine: Machine, name: str, arguments: list[str] | None, stdin: Stream | None) -> Stream:
    """Runs a function's body with its arguments (``None``: unknown ones); never into itself."""
    if name in machine.active or len(machine.active) >= _MAX_ACTIVE:
        return Stream(ANY)
    if name in machine.inert:
        return Stream(ANY)
    first = name not in machine.called
    machine.called.add(name)
    if not first and _does_nothing(machine, name, stdin):
        machine.inert.add(name)
        return Stream(ANY)
    return _run(machine, name, arguments, stdin)


def _run(machine: Machine, name: str, arguments: list[str] | None, stdin: Stream | None) -> Stream:
    body, unit = machine.functions[name]
    outer = machine.arguments, machine.unit, machine.active
    machine.arguments, machine.unit, machine.active = arguments, unit, (*machine.active, name)
    try:
        return statements.run(machine, body, stdin)
    finally:
        machine.arguments, machine.unit, machine.active = outer


def _does_nothing(machine: Machine, name: str, stdin: Stream | None) -> bool:
    """Whether a function, whatever its arguments, breaks no rule and changes nothing: a script's ``log``."""
    before, real = machine.scope(), machine.collector
    machine.collector = Collector()
    _run(machine, name, None, stdin)
    probe, machine.collector = machine.collector, real
    changed = machine.changed_since(before) or machine.cwd != before.cwd
    machine.restore(before)
    touched = probe.effects.writes or probe.effects.states or probe.effects.egress
    return not (probe.findings or touched or changed)


def call_the_rest(machine: Machine) -> None:
    """Functions that nothing called: analysed too, their arguments and input unknown; a caller may come."""
    machine.input = Stream(ANY)
    for name in [name for name in machine.functions if name not in machine.called]:
        machine.called.add(name)
        before = machine.scope()
        _run(machine, name, None, None)
        machine.restore(before)
