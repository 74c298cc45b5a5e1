"""The bounds of one analysis; whoever exceeds one gets an invalid report that says which."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

MAX_TEXT_CHARACTERS = 200_000
MAX_FINDINGS = 500
MAX_STEPS = 60_000
MAX_DEPTH = 60
MAX_NESTED = 8
MAX_SECONDS = 2.0


class BoundExceeded(Exception):
    """An analysis went over a bound. ``rule`` names the bound's rule, ``reason`` says it in words."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason


@dataclass(slots=True)
class Budget:
    """Counts the work of one analysis; every 256 steps it looks at the CPU time (seconds)."""

    steps: int = 0
    deadline: float = field(default_factory=lambda: time.thread_time() + MAX_SECONDS)

    def step(self, weight: int = 1) -> None:
        self.steps += weight
        if self.steps & 255 < weight:
            self.check()

    def check(self) -> None:
        """Raises ``BoundExceeded`` when the steps or the time are used up."""
        if self.steps > MAX_STEPS:
            raise BoundExceeded("bounds.steps", f"takes more than {MAX_STEPS:,} steps to analyse")
        if time.thread_time() > self.deadline:
            raise BoundExceeded("bounds.time", f"takes more than {MAX_SECONDS:g} s of CPU to analyse")
