"""How fast the safety analysis is beside other checkers, on the same texts in the same run.

CPU seconds of the process and its children. A checker that is not installed is left out.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.safety_peers import TOOLS, measured

if TYPE_CHECKING:
    from pathlib import Path

    from bench.safety_targets import Verdict

# Enough to even out start-up; ShellCheck takes tens of milliseconds a script.
_TEXTS = 100
_COMPARED = {
    "remediation": ("bash", ("naive patterns", "ShellCheck")),
    "python": ("Python", ("naive patterns", "bandit")),
}


def speed_ratios(verdicts: list[Verdict], tools: Path) -> dict[str, float]:
    """Texts a CPU second over each other's, on some of the texts: 2 means twice as fast, 0.5 half as fast.

    The analysis's own time is that of the verdicts: it remembers texts, and would be too fast a second time.
    """
    found: dict[str, float] = {}
    for name, (cases, others) in _COMPARED.items():
        judged = _spread([one for one in verdicts if _is_of(name, one)])
        if not judged:
            continue
        own = len(judged) / sum(one.seconds for one in judged)
        samples = [one.sample for one in judged]
        for other in others:
            try:
                theirs = measured(other, TOOLS[other][0], cases, samples, tools).per_cpu_second
            except FileNotFoundError as missing:
                print(f"{other} is not installed ({missing}): no ratio to it", file=sys.stderr)
                continue
            found[f"{name}_over_{other.lower().replace(' ', '_')}"] = round(own / theirs, 4)
    return found


def _is_of(name: str, verdict: Verdict) -> bool:
    sample = verdict.sample
    return sample.file == "python_standard" if name == "python" else sample.tier == "remediation"


def _spread(verdicts: list[Verdict]) -> list[Verdict]:
    """Some of them, from the first to the last."""
    step = max(1, len(verdicts) // _TEXTS)
    return verdicts[::step][:_TEXTS]
