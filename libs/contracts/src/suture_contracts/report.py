"""What the safety analysis says about a script.

These are parts of messages as well as what the analysis works with. They are plain dataclasses, which the
messages' models check like any other part, so that ``suture validate`` starts without pydantic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Level = Literal["error", "warning", "info"]
Part = Literal["body", "rollback", "verify", "document"]
Reversibility = Literal["exact", "compensating", "none"]


class Bounds:
    """What a message's model holds a field to, by the names that pydantic's core schema has for it."""

    def __init__(self, **bounds: int) -> None:
        self._bounds = bounds

    def __get_pydantic_core_schema__(self, source: object, handler: Callable[[object], Any]) -> Any:
        return {**handler(source), **self._bounds}


@dataclass(frozen=True, slots=True)
class SafetyFinding:
    """One rule that one place in the text breaks. ``line`` and ``column`` count from 1."""

    rule_id: str
    severity: Level
    message: str
    line: Annotated[int, Bounds(ge=1)]
    column: Annotated[int, Bounds(ge=1)]
    remedy: str
    part: Part = "body"
    level: Literal["baseline", "restricted"] | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """What a script of production quality has."""

    shebang: bool = False
    error_handling: bool = False
    backup: bool = False
    logging: bool = False
    validation: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What the script was seen to touch; ``complete`` is false where that could not be told."""

    writes: tuple[str, ...] = ()
    executes: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """The whole analysis. ``safety_score`` is 0 to 1; ``is_valid`` is false on any error."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"allow_inf_nan": False}

    is_valid: bool
    safety_score: Annotated[float, Bounds(ge=0, le=1)]
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    findings: Annotated[tuple[SafetyFinding, ...], Bounds(max_length=500)] = ()
    quality: Quality = Quality()
    needs: Needs = Needs()
    reversibility: Reversibility = "none"
