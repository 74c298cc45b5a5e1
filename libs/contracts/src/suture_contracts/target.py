"""Registered targets: the only things that Suture changes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from suture_contracts.base import Line, Name, ScriptType, Value

TargetKind = Literal["kubernetes", "database", "host", "local"]


class Target(Value):
    """Something registered that may be changed.

    ``reach`` says how to get there and is the ceiling of what a run may touch: for ``local``,
    ``{"root": "/absolute/folder"}``. ``facts`` are what templates may rely on: paths, known-good sources,
    ``health_url``, ``distribution``, ``services`` (names under which findings speak of this target).
    """

    id: Name
    kind: TargetKind
    reach: dict[str, Any] = Field(default_factory=dict, max_length=50)
    secret_ref: Line | None = None
    allowed_types: tuple[ScriptType, ...] = Field(default=("bash", "python", "config"), max_length=5)
    owner: Name
    facts: dict[str, Any] = Field(default_factory=dict, max_length=200)

    @field_validator("facts", "reach")
    @classmethod
    def _bounded(cls, values: dict[str, Any]) -> dict[str, Any]:
        for key, value in values.items():
            if len(str(value)) > 20_000 or "\x00" in str(value):
                raise ValueError(f"{key!r} is longer than 20,000 characters or contains NUL; shorten it")
        return values
