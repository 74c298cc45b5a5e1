"""A message as a handler gets it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from suture_contracts.base import Message

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Received(Generic[M]):
    """A message that was parsed, whose sender was checked, and what identifies it.

    For an event ``id`` and ``source`` are the CloudEvents attributes; for a command they are its
    ``command_id`` and ``api:<principal>``, so that a redelivery or a repeated request has the same.
    ``signer`` is the name of the key's holder, ``None`` for a finding from outside; ``signature`` is
    the verified header. ``attempt`` counts the retries before this delivery.
    """

    message: M
    id: str
    source: str
    type: str
    body: bytes
    digest: str
    signer: str | None
    attempt: int
    time: datetime
    signature: str | None = None

    @property
    def key(self) -> str:
        """What an inbox remembers this message by: an id is unique within its source only."""
        return f"{self.source} {self.id}"

    def caused(self) -> dict[str, Any]:
        """``causation_id`` and ``causation_digest`` for the event that this message leads to."""
        return {"causation_id": self.id, "causation_digest": self.digest}
