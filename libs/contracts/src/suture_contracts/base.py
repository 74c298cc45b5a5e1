"""The two kinds of message, and the bounded types that their fields are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

MAX_MESSAGE_BYTES = 1_048_576
"""The largest message body, in bytes, that any service accepts or publishes."""


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("contains a NUL character; remove it")
    return text


Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\w.:/@+~-]+$")]
"""An identifier from outside: letters, digits and ``_ . : / @ + ~ -``."""
Line = Annotated[str, StringConstraints(min_length=1, max_length=1_000), AfterValidator(_without_nul)]
Text = Annotated[str, StringConstraints(max_length=20_000), AfterValidator(_without_nul)]
ScriptText = Annotated[str, StringConstraints(max_length=200_000), AfterValidator(_without_nul)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in lower-case hexadecimal."""
Fraction = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]

MOST_SEEN = 101
MOST_SEEN_CHARACTERS = 300
_Word = Annotated[str, Field(max_length=MOST_SEEN_CHARACTERS)]
Seen = Annotated[
    dict[Name, Annotated[dict[_Word, _Word], Field(max_length=MOST_SEEN)]], Field(max_length=100)
]
"""By target, then by path, row set or object: one word for its content, mostly a SHA-256."""

Severity = Literal["critical", "high", "medium", "low", "info"]
Complexity = Literal["low", "medium", "high"]
ScriptType = Literal["bash", "python", "kubernetes", "sql", "config"]
Start = Literal["automatic", "on_request", "rehearsal"]
"""When a script runs: once it is approved; when it is asked for, too; never, its rehearsal is its end."""
Role = Literal["agent", "operator", "supervisor", "admin"]


class Value(BaseModel):
    """A part of a message. Unknown fields are ignored: a newer producer must not break an older consumer."""

    # Validators are built when a model is first used: each service uses a few of them only.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Message(Value):
    """Whatever travels over the broker; ``TYPE`` is its CloudEvents type and its routing key."""

    TYPE: ClassVar[str]


class Event(Message):
    """Something that happened; published to the exchange ``suture.events``."""


class RemediationEvent(Event):
    """An event in the life of one remediation."""

    remediation_id: UUID
    sequence: int = Field(
        ge=0, description="Counts this document's events; with its id and type it makes the event's id"
    )
    causation_id: Annotated[str, StringConstraints(max_length=200)] = Field(
        description="Id of the message that caused this one"
    )
    causation_digest: Digest = Field(description="SHA-256 of that message's body bytes")


class Principal(Value):
    """Who asks: an authenticated caller of the API, or a supervisor's registered key."""

    id: Name
    role: Role


class Command(Message):
    """A request to the one service that owns what it changes; published to ``suture.commands``, answered."""

    command_id: Name = Field(description="Idempotency key: the same id gets the same answer and one effect")
    principal: Principal
    issued_at: datetime
    expires_at: datetime


class Problem(Value):
    """What went wrong, as RFC 9457 has it, with the field and the remedy named."""

    type: str = "about:blank"
    title: str
    status: int = Field(ge=400, le=599)
    detail: str = ""
    field: str | None = None
    remedy: str | None = None
    state: dict[str, Any] | None = Field(
        default=None, description="The current state, where the caller's was stale"
    )


class Reply(Value):
    """The owner's answer to a command; ``status`` is an HTTP status code."""

    status: int = Field(ge=200, le=599)
    body: dict[str, Any] = Field(default_factory=dict)
    problem: Problem | None = None
