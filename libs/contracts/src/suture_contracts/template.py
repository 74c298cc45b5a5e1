"""A template revision: data that a script is rendered from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from suture_contracts.base import Complexity, Line, Name, ScriptText, ScriptType, Text, Value
from suture_contracts.report import Reversibility
from suture_contracts.script import Limits


class Template(Value):
    """One immutable revision.

    ``body``, ``rollback``, ``verify`` and each of ``writes`` and ``egress`` are Jinja2. ``parameters`` is a
    JSON Schema; a property's ``x-fact`` names the target's fact that fills it, ``x-finding`` the field of the
    finding that does. ``proven`` is false for a revision that was added or edited, and whose test or
    supervised run has not passed yet.
    """

    id: Name
    revision: int = Field(default=1, ge=1)
    title: Line
    description: Text = ""
    categories: tuple[Line, ...] = Field(min_length=1, max_length=20)
    keywords: tuple[Line, ...] = Field(default=(), max_length=50)
    script_type: ScriptType = "bash"
    target_kinds: tuple[Literal["kubernetes", "database", "host", "local"], ...] = ("local", "host")
    complexity: Complexity = "low"
    reversibility: Reversibility = "exact"
    parameters: dict[str, Any] = Field(default_factory=dict)
    body: ScriptText
    rollback: ScriptText = ""
    verify: ScriptText = ""
    writes: tuple[Line, ...] = Field(default=(), max_length=100)
    egress: tuple[Line, ...] = Field(default=(), max_length=20)
    limits: Limits = Limits()
    examples: tuple[dict[str, Any], ...] = Field(default=(), max_length=10)
    predefined_for: tuple[Line, ...] = Field(
        default=(), max_length=20, description="Categories whose predefined action this is"
    )
    origin: Literal["release", "edited"] = "release"
    proven: bool = True
