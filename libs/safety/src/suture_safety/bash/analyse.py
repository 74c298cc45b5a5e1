"""Analyses one bash text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suture_safety.bash import statements
from suture_safety.bash.functions import call_the_rest
from suture_safety.bash.machine import Machine
from suture_safety.bash.trail import Trail
from suture_safety.bash.tree import read
from suture_safety.rulebook import rulebook

if TYPE_CHECKING:
    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector


def analyse_bash(
    text: str, collector: Collector, budget: Budget, place: tuple[int, int] = (1, 1), exact: bool = True
) -> Trail:
    """Interprets the script; findings and effects go to the collector. Raises ``BoundExceeded``."""
    unit, root = read(text, budget, place, exact)
    trail = Trail()
    machine = Machine(unit, root, budget, collector, rulebook(), trail)
    machine.check_syntax(root)
    statements.run_all(machine, root.children, None)
    call_the_rest(machine)
    return trail
