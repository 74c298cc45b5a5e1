"""A template revision: data that a script is rendered from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from suture_contracts.base import Complexity, Line, Name, ScriptText, ScriptType, Text, Value
from suture_contracts.report import Reversibility
from suture_contracts.script import Limits, Path

Need = Literal["cluster", "database", "firewall", "interface", "kernel", "packages", "systemd"]
"""What a script cannot do without, and a scratch folder cannot give it."""
_OF_THE_SYSTEM = ("bin", "dev", "lib", "lib32", "lib64", "proc", "run", "sbin", "sys", "tmp", "usr")


class FixtureFile(Value):
    """A file that is laid out: its text, the permissions it has (octal) and how many days old it is."""

    text: Text = ""
    mode: Annotated[str, Field(pattern=r"^0?[0-7]{3}$")] = "0644"
    age_days: int = Field(default=0, ge=0, le=10_000)


class Fixture(Value):
    """A small broken world, in which a template's script is really run and taken back.

    Paths are written as on a real system; files and script are both moved below a scratch folder.
    ``parameters`` are the template's first example where none are given. ``expect`` says what a file holds
    after the fix, or null for a file that is gone; ``logs`` only grow: what a script added there stays after
    its own rollback. ``sql`` makes the SQLite database that an SQL script is run on.
    """

    title: Line | None = None
    parameters: dict[str, Any] | None = None
    files: dict[Path, FixtureFile] = Field(default_factory=dict, max_length=50)
    links: dict[Path, Path] = Field(default_factory=dict, max_length=20)
    expect: dict[Path, Text | None] = Field(default_factory=dict, max_length=50)
    logs: tuple[Path, ...] = Field(default=(), max_length=10)
    programs: tuple[Name, ...] = Field(default=(), max_length=20)
    sql: ScriptText = ""

    @field_validator("files", mode="before")
    @classmethod
    def _texts(cls, files: Any) -> Any:
        if not isinstance(files, dict):
            return files
        return {path: {"text": file} if isinstance(file, str) else file for path, file in files.items()}

    @field_validator("files", "links", "expect")
    @classmethod
    def _below(cls, paths: dict[str, Any]) -> dict[str, Any]:
        for path in paths:
            parts = path[1:].split("/")
            if any(part in ("", ".", "..") for part in parts):
                raise ValueError(f"{path!r} is not a normal absolute path; remove '.', '..' and empty parts")
            if parts[0] in _OF_THE_SYSTEM:
                raise ValueError(
                    f"{path!r}: /{parts[0]} is the system's; lay it out below /etc, /srv or /var"
                )
        return paths


class Template(Value):
    """One immutable revision.

    ``body``, ``rollback``, ``verify`` and each of ``writes`` and ``egress`` are Jinja2. ``parameters`` is a
    JSON Schema; a property's ``x-fact`` names the target's fact that fills it, ``x-finding`` the field of the
    finding that does. ``fixtures`` are tried out by ``suture templates test``; ``needs`` says why a template
    has none. ``proven`` is false for a revision that was added or edited, and whose test or
    supervised run has not passed yet.
    """

    id: Name
    revision: int = Field(default=1, ge=1)
    title: Line
    description: Text = ""
    categories: tuple[Line, ...] = Field(min_length=1, max_length=20)
    keywords: tuple[Line, ...] = Field(default=(), max_length=100)
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
    fixtures: tuple[Fixture, ...] = Field(default=(), max_length=10)
    needs: tuple[Need, ...] = Field(default=(), max_length=7)
    predefined_for: tuple[Line, ...] = Field(
        default=(), max_length=20, description="Categories whose predefined action this is"
    )
    origin: Literal["release", "edited"] = "release"
    proven: bool = True
