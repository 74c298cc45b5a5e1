"""The score: a documented formula that never rises when something dangerous is added.

``score = 0.4^errors x 0.85^warnings x (1 - 0.02 x min(5, infos))``, rounded to four places. The quality
remarks cost at most a tenth together, less than one warning: a line that adds danger and, say, logging cannot
raise it. A text that could not be read at all scores 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from suture_contracts.report import SafetyFinding

ERROR_FACTOR = 0.4
WARNING_FACTOR = 0.85
INFO_COST = 0.02
MAX_INFOS = 5


def safety_score(findings: Iterable[SafetyFinding]) -> float:
    """From 0 (never) to 1 (nothing found)."""
    errors = warnings = infos = 0
    for finding in findings:
        if finding.severity == "error":
            errors += 1
        elif finding.severity == "warning":
            warnings += 1
        else:
            infos += 1
    score: float = ERROR_FACTOR**errors * WARNING_FACTOR**warnings * (1 - INFO_COST * min(MAX_INFOS, infos))
    return round(score, 4)
