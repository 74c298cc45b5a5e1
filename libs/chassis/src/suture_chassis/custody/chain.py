"""The journal's hash chain: each entry names the digest of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64
"""What the first entry names as the one before."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry: its number and digest."""

    seq: int = 0
    digest: str = GENESIS


@dataclass(frozen=True, slots=True)
class Fact:
    """What an entry records of one event. ``at_ms`` is the event's time in milliseconds since 1970.

    ``signature`` is the header that the event came with: it says who published it, whoever keeps the journal.
    """

    key: str
    event_id: str
    source: str
    type: str
    remediation_id: str | None
    at_ms: int
    body_digest: str
    signer: str | None
    signature: str | None = None

    def fields(self) -> dict[str, Any]:
        """As an entry says it."""
        return {name: getattr(self, name) for name in self.__slots__}


def entry_digest(seq: int, fact: Fact, previous: str) -> str:
    """SHA-256 of all that an entry says; the body is in it by its digest."""
    parts = [seq, *fact.fields().values(), previous]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def link(head: Head, facts: Iterable[Fact]) -> list[tuple[Head, str]]:
    """For each fact its place after ``head`` and the digest of the entry before it."""
    linked: list[tuple[Head, str]] = []
    for fact in facts:
        previous = head.digest
        head = Head(head.seq + 1, entry_digest(head.seq + 1, fact, previous))
        linked.append((head, previous))
    return linked


def fact_of(entry: Mapping[str, Any]) -> Fact:
    """The fact that a stored entry records."""
    return Fact(**{name: entry[name] for name in Fact.__slots__})
