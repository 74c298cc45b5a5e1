"""What the safety analysis says about a script."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from suture_contracts.base import Fraction, Reversibility, Value

Level = Literal["error", "warning", "info"]
Part = Literal["body", "rollback", "verify", "document"]


class SafetyFinding(Value):
    """One rule that one place in the text breaks. ``line`` and ``column`` count from 1."""

    rule_id: str
    severity: Level
    message: str
    line: int = Field(ge=1)
    column: int = Field(ge=1)
    remedy: str
    part: Part = "body"
    level: Literal["baseline", "restricted"] | None = None


class Quality(Value):
    """What a script of production quality has."""

    shebang: bool = False
    error_handling: bool = False
    backup: bool = False
    logging: bool = False
    validation: bool = False


class Needs(Value):
    """What the script was seen to touch; ``complete`` is false where that could not be told."""

    writes: tuple[str, ...] = ()
    executes: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    complete: bool = True


class Report(Value):
    """The whole analysis. ``safety_score`` is 0 to 1; ``is_valid`` is false on any error."""

    is_valid: bool
    safety_score: Fraction
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    findings: tuple[SafetyFinding, ...] = Field(default=(), max_length=500)
    quality: Quality = Quality()
    needs: Needs = Needs()
    reversibility: Reversibility = "none"
