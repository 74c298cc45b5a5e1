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
    """What an entry records of one event. ``at_ms`` is the event's time in milliseconds since 1970."""

    key: str
    event_id: str
    source: str
    type: str
    remediation_id: str | None
    at_ms: int
    body_digest: str
    signer: str | None


@dataclass(frozen=True, slots=True)
class Broken:
    """The first entry that is not what the chain says, and in what."""

    seq: int
    reason: str


def entry_digest(seq: int, fact: Fact, previous: str) -> str:
    """SHA-256 of all that an entry says; the body is in it by its digest."""
    parts = [
        seq,
        fact.key,
        fact.event_id,
        fact.source,
        fact.type,
        fact.remediation_id,
        fact.at_ms,
        fact.body_digest,
        fact.signer,
        previous,
    ]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def link(head: Head, facts: Iterable[Fact]) -> list[tuple[Head, str]]:
    """For each fact its place after ``head`` and the digest of the entry before it."""
    linked: list[tuple[Head, str]] = []
    for fact in facts:
        previous = head.digest
        head = Head(head.seq + 1, entry_digest(head.seq + 1, fact, previous))
        linked.append((head, previous))
    return linked


def verify(entries: Iterable[Mapping[str, Any]], after: Head | None = None) -> Broken | Head:
    """Read entries (as stored, in order) and return the last good head, or what is the first to be wrong."""
    head = after or Head()
    for entry in entries:
        seq = entry["_id"]
        if seq != head.seq + 1:
            return Broken(head.seq + 1, f"missing; the next entry is {seq}")
        if entry["previous"] != head.digest:
            return Broken(seq, "does not name the digest of the entry before it")
        if hashlib.sha256(entry["body"]).hexdigest() != entry["body_digest"]:
            return Broken(seq, "its body was changed")
        if entry_digest(seq, fact_of(entry), head.digest) != entry["digest"]:
            return Broken(seq, "was changed")
        head = Head(seq, entry["digest"])
    return head


def fact_of(entry: Mapping[str, Any]) -> Fact:
    """The fact that a stored entry records."""
    return Fact(
        key=entry["key"],
        event_id=entry["event_id"],
        source=entry["source"],
        type=entry["type"],
        remediation_id=entry["remediation_id"],
        at_ms=entry["at_ms"],
        body_digest=entry["body_digest"],
        signer=entry["signer"],
    )
