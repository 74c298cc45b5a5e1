"""The parts of a script's confidence that are known when it is written."""

from __future__ import annotations

from suture_contracts.base import Complexity
from suture_contracts.events import Origin

TEMPLATE_MATCH: dict[Origin, float] = {
    "template": 1.0,
    "reused": 0.9,
    "predefined": 0.75,
    "filled": 0.7,
    "adapted": 0.6,
    "operator": 0.25,
    "novel": 0.0,
}
SIMPLICITY: dict[Complexity, float] = {"low": 1.0, "medium": 0.5, "high": 0.0}


def confidence_parts(
    origin: Origin, complexity: Complexity, rca_confidence: float, *, suspected: bool = False
) -> dict[str, float]:
    """Each part from 0 to 1, where 1 speaks for the script; the approver weighs them.

    ``suspected``: the finding's text gave instructions. Nothing speaks for its script then.
    """
    if suspected:
        return {"template_match": 0.0, "complexity": 0.0, "rca_confidence": 0.0}
    return {
        "template_match": TEMPLATE_MATCH[origin],
        "complexity": SIMPLICITY[complexity],
        "rca_confidence": rca_confidence,
    }
