"""The short form: is this patch safe to deploy?"""

from __future__ import annotations

from dataclasses import dataclass, field

from suture_safety.analysis import analyse


@dataclass(frozen=True, slots=True)
class PatchValidation:
    """``safety_score`` is 0 to 1; ``is_valid`` is false on any error."""

    is_valid: bool
    safety_score: float
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def validate_patch(text: str) -> PatchValidation:
    """Analyses a bash patch. Never raises."""
    report = analyse(text, "bash")
    return PatchValidation(report.is_valid, report.safety_score, list(report.errors), list(report.warnings))
