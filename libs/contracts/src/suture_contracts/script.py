"""A script travels as opaque bytes: digested as they are, parsed strictly, never written anew."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from suture_contracts.base import Digest, Line, Name, ScriptText, ScriptType, Value
from suture_contracts.ids import sha256

MAX_SUBMITTED_BYTES = 200_000
"""What a script that somebody submits may take up as a document."""
SCRIPT_TYPES: tuple[ScriptType, ...] = ("bash", "python", "kubernetes", "sql", "config")
Path = Annotated[str, StringConstraints(min_length=2, max_length=1_000, pattern=r"^/[^\x00\n]*$")]
Address = Annotated[str, StringConstraints(max_length=300, pattern=r"^[\w.\-\[\]:]+:[0-9]{1,5}$")]


class Limits(BaseModel):
    """The bounds of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timeout_seconds: int = Field(default=60, ge=1, le=3_600)
    memory_mb: int = Field(default=256, ge=16, le=8_192)
    processes: int = Field(default=64, ge=1, le=1_024)
    cpu_seconds: int = Field(default=60, ge=1, le=3_600)
    file_size_mb: int = Field(default=64, ge=1, le=4_096)
    output_bytes: int = Field(default=65_536, ge=1_024, le=1_048_576)


class ScriptDocument(BaseModel):
    """What one script is: the code, how to take it back, how to tell that it worked, and all it may touch.

    ``verify`` must fail before the fix and pass after it; it runs with nothing writable. ``rollback`` may be
    empty where restoring the declared ``writes`` undoes everything. ``writes`` are absolute paths.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    script_type: ScriptType
    body: ScriptText
    rollback: ScriptText = ""
    verify: ScriptText = ""
    writes: tuple[Path, ...] = Field(default=(), max_length=100)
    targets: tuple[Name, ...] = Field(default=(), max_length=100)
    parameters: dict[str, Any] = Field(default_factory=dict)
    runner: Literal["auto", "bubblewrap", "kubernetes"] = "auto"
    limits: Limits = Limits()
    egress: tuple[Address, ...] = Field(default=(), max_length=20)

    @field_validator("writes")
    @classmethod
    def _normal(cls, writes: tuple[str, ...]) -> tuple[str, ...]:
        for path in writes:
            if any(part in ("", ".", "..") for part in path[1:].split("/")):
                raise ValueError(f"{path!r} is not a normal absolute path; remove '.', '..' and empty parts")
        return writes

    def canonical(self) -> str:
        """The text whose digest everyone signs: JSON, keys sorted, no white space."""
        return json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )


class SubmittedScript(Value):
    """A script that somebody wrote themselves, and the registered targets that it is for.

    ``verify``, ``rollback`` and ``writes`` mean what they mean in ``ScriptDocument``.
    """

    script_type: ScriptType
    body: ScriptText = Field(min_length=1)
    rollback: ScriptText = ""
    verify: ScriptText = ""
    writes: tuple[Path, ...] = Field(default=(), max_length=100)
    targets: tuple[Name, ...] = Field(min_length=1, max_length=100)
    limits: Limits = Limits()
    egress: tuple[Address, ...] = Field(default=(), max_length=20)
    title: Line = "a script of one's own"

    @model_validator(mode="after")
    def _usable(self) -> SubmittedScript:
        if len(set(self.targets)) != len(self.targets):
            raise ValueError("targets names one twice; name each once")
        # It travels several times over in one message, as JSON in JSON.
        if len(self.document().canonical().encode()) > MAX_SUBMITTED_BYTES:
            raise ValueError(
                f"body, verify and rollback together are longer than {MAX_SUBMITTED_BYTES} bytes"
            )
        return self

    def document(self) -> ScriptDocument:
        return ScriptDocument.model_validate(self.model_dump(include=set(ScriptDocument.model_fields)))


class Script(Value):
    """A revision of a script as events carry it: the document's bytes and their digest."""

    script_id: UUID
    revision: int = Field(ge=1, le=1_000)
    document: str = Field(min_length=2, max_length=900_000)
    sha256: Digest

    @classmethod
    def of(cls, script_id: UUID, revision: int, document: ScriptDocument) -> Script:
        text = document.canonical()
        return cls(script_id=script_id, revision=revision, document=text, sha256=sha256(text.encode()))

    @model_validator(mode="after")
    def _digest_matches(self) -> Script:
        if sha256(self.document.encode()) != self.sha256:
            raise ValueError("sha256 is not the digest of document; send the document's bytes unchanged")
        return self

    def parse(self) -> ScriptDocument:
        """The document, read strictly; raises ``pydantic.ValidationError``."""
        return ScriptDocument.model_validate_json(self.document)


class TemplateRef(Value):
    """The pinned template revision that a script came from."""

    id: Name
    revision: int = Field(ge=1)
    title: Line | None = None
