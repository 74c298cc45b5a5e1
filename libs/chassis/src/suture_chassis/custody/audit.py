"""Checks a journal against nothing but public keys: whoever stores or serves it need not be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from suture_contracts import ids
from suture_contracts.topology import PUBLISHERS

from suture_chassis.custody.chain import Fact, Head, entry_digest, fact_of
from suture_chassis.custody.statements import message_pae, verify_message
from suture_chassis.custody.strict import decode_base64, parse_object
from suture_chassis.custody.trust import TrustStore
from suture_chassis.errors import PermanentError, TemporaryError

HEAD_TYPE = "journal.head"
"""What a signed head's statement is signed as."""
_MAX_STATEMENT_BYTES = 1_000


class JournalEntry(BaseModel):
    """One entry as it is stored and served; ``body`` is the event's JSON text, byte for byte."""

    model_config = ConfigDict(frozen=True)

    seq: int
    key: str
    event_id: str
    source: str
    type: str
    remediation_id: str | None
    at_ms: int
    body_digest: str
    signer: str | None
    signature: str | None
    previous: str
    digest: str
    body: str

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> JournalEntry:
        """An entry as the journal stores it."""
        fields = {name: stored.get(name) for name in cls.model_fields if name != "body"}
        # What is no text any more was changed, and its digest says so.
        return cls(body=bytes(stored["body"]).decode("utf-8", "replace"), **fields)

    def fact(self) -> Fact:
        return fact_of(self.__dict__)


class SignedHead(BaseModel):
    """That the journal had this many entries, and the last one's digest; ``statement`` is what is signed."""

    model_config = ConfigDict(frozen=True)

    seq: int
    statement: str
    keyid: str
    signature: str


@dataclass(frozen=True, slots=True)
class Broken:
    """An entry that is not what the chain, its signer or a signed head says, and in what."""

    seq: int
    reason: str


class Audit:
    """Checks entries and signed heads, both in their order; ``head`` is the last entry that was read.

    ``signed`` is the last one that a signed head vouches for.
    """

    def __init__(self, trust: TrustStore, heads: Iterable[SignedHead]) -> None:
        self._trust = trust
        self._heads = iter(heads)
        self._next = next(self._heads, None)
        self._rewritten = False
        self.head = Head()
        self.signed = Head()

    def check(self, entries: Iterable[JournalEntry]) -> Iterator[Broken]:
        """Each entry that was changed, moved, removed or forged; nothing where all is as it was written."""
        for entry in entries:
            if entry.seq <= self.head.seq:
                yield Broken(entry.seq, "is out of its order")
                continue
            if entry.seq > self.head.seq + 1:
                last = entry.seq - 1
                yield Broken(self.head.seq + 1, f"is missing{_up_to(self.head.seq + 1, last)}")
            reason = self._wrong(entry)
            if reason is not None:
                yield Broken(entry.seq, reason)
            self.head = Head(entry.seq, entry.digest)
            yield from self._heads_here()
        yield from self._heads_beyond()

    def _wrong(self, entry: JournalEntry) -> str | None:
        if entry.seq == self.head.seq + 1 and entry.previous != self.head.digest:
            return "does not name the digest of the entry before it: one of the two was changed"
        if ids.sha256(entry.body.encode()) != entry.body_digest:
            return "has another body than was journalled"
        if entry_digest(entry.seq, entry.fact(), entry.previous) != entry.digest:
            return "was changed"
        return self._wrong_signer(entry)

    def _wrong_signer(self, entry: JournalEntry) -> str | None:
        publisher = PUBLISHERS.get(entry.type)
        if publisher is None:
            return None  # a finding, which anyone may send
        try:
            identity = verify_message(
                self._trust,
                entry.signature,
                id=entry.event_id,
                source=entry.source,
                type=entry.type,
                digest=entry.body_digest,
                at=datetime.fromtimestamp(entry.at_ms / 1000, UTC),
            )
        except (PermanentError, TemporaryError, ValueError, OverflowError) as error:
            return f"is forged: {error}"
        if identity.kind != "service" or identity.name != publisher or entry.signer != publisher:
            return f"is forged: {identity.name} signed it, and {publisher} alone publishes {entry.type}"
        return None

    def _heads_here(self) -> Iterator[Broken]:
        while self._next is not None and self._next.seq <= self.head.seq:
            claimed, self._next = self._next, next(self._heads, None)
            reason = self._wrong_head(claimed)
            if reason is not None:
                yield Broken(claimed.seq, reason)

    def _heads_beyond(self) -> Iterator[Broken]:
        """What the gateway signed after the last entry that is there."""
        last = self.head.seq
        while self._next is not None:
            claimed, self._next = self._next, next(self._heads, None)
            reason = self._wrong_head(claimed)
            if reason is not None:
                yield Broken(claimed.seq, reason)
            else:
                last = max(last, claimed.seq)
        if last > self.head.seq:
            first = self.head.seq + 1
            yield Broken(first, f"is missing{_up_to(first, last)}: the gateway signed a head there")

    def _wrong_head(self, claimed: SignedHead) -> str | None:
        """What is wrong with a signed head, or with the entry that it is about."""
        statement = claimed.statement.encode()
        try:
            said = parse_object(statement, limit=_MAX_STATEMENT_BYTES)
            at = datetime.fromisoformat(str(said["at"])).astimezone(UTC)
            signature = decode_base64(claimed.signature)
            identity = self._trust.verify(claimed.keyid, message_pae(HEAD_TYPE, statement), signature, at)
        except (PermanentError, TemporaryError, ValueError, OverflowError, KeyError) as error:
            return f"has a forged signed head: {error}"
        if (identity.kind, identity.name) != ("service", "gateway") or said.get("seq") != claimed.seq:
            return "has a forged signed head: the gateway did not sign it for this entry"
        if claimed.seq != self.head.seq:
            return None  # that entry is missing, which is said
        if said.get("digest") == self.head.digest:
            self.signed = self.head
            return None
        # All that follows differs too: said once.
        first, self._rewritten = not self._rewritten, True
        since = f"an entry from {self.signed.seq + 1} on was rewritten"
        return f"is not the entry that the gateway signed as the head here: {since}" if first else None


def _up_to(first: int, last: int) -> str:
    return "" if first == last else f", and so is what follows up to {last}"
