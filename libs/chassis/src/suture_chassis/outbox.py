"""Events that a document holds until the broker has them, and from where to repeat them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from suture_contracts import ids
from suture_contracts.base import MAX_MESSAGE_BYTES, Event
from suture_contracts.topology import EVENTS_EXCHANGE

from suture_chassis import cloudevents
from suture_chassis.clock import Clock
from suture_chassis.custody import Signer, TrustStore, sign_again, sign_message
from suture_chassis.errors import PermanentError
from suture_chassis.messages import Received
from suture_chassis.publisher import Outgoing, Publisher

if TYPE_CHECKING:
    from suture_chassis.telemetry import Telemetry

SIGNATURE_HEADER = "suture_signature"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event in a document's outbox. ``at`` (microseconds) and ``by`` (instance) are unique together."""

    id: str
    type: str
    at: int
    by: str
    cause: str | None
    headers: dict[str, Any]
    body: bytes

    def stored(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": self.type,
            "at": self.at,
            "by": self.by,
            "cause": self.cause,
            "headers": self.headers,
            "body": self.body,
        }

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Entry:
        return cls(**{name: stored[name] for name in cls.__slots__})

    @property
    def signature(self) -> str:
        return str(self.headers.get(SIGNATURE_HEADER) or "")


class Outbox:
    """Makes entries, publishes them, and knows the lowest time that is not yet confirmed."""

    def __init__(
        self,
        service: str,
        instance: str,
        signer: Signer,
        trust: TrustStore,
        publisher: Publisher,
        telemetry: Telemetry,
    ) -> None:
        self.instance = instance
        self.clock = Clock()
        self._source = f"suture/{service}"
        self._signer = signer
        self._trust = trust
        self._publisher = publisher
        self._telemetry = telemetry
        self._pending: set[int] = set()
        self.made = 0

    @property
    def pending(self) -> int:
        return len(self._pending)

    def watermark(self) -> int:
        """Everything of this instance below it is confirmed, also what is written from now on."""
        lowest = min(self._pending, default=None)
        return self.clock.tick() if lowest is None else lowest

    def hold(self, at: int) -> None:
        """Keep the watermark at or below ``at`` until it is released."""
        self._pending.add(at)

    def release(self, entries: Iterable[int]) -> None:
        self._pending.difference_update(entries)

    def entries(self, document_id: str, events: Sequence[Event], cause: Received[Any] | None) -> list[Entry]:
        """Outbox entries for a document's events; the watermark waits for them from here on."""
        entries = [self._entry(document_id, event, cause) for event in events]
        if len({entry.id for entry in entries}) != len(entries):
            raise ValueError(f"two events of {document_id!r} share type and sequence")
        self.made += len(entries)
        for entry in entries:
            self.hold(entry.at)
        return entries

    async def publish(self, entries: Sequence[Entry]) -> None:
        """Publish until confirmed, in order of confirmation; then the watermark may pass them.

        What an earlier key of this service signed is signed again: that key may be revoked by now.
        """
        if len(entries) == 1:
            await self._publisher.publish_until_confirmed(self._outgoing(entries[0]))
        elif entries:
            outgoing = [self._outgoing(entry) for entry in entries]
            await asyncio.gather(*map(self._publisher.publish_until_confirmed, outgoing))
        self.release(entry.at for entry in entries if entry.by == self.instance)

    def _outgoing(self, entry: Entry) -> Outgoing:
        headers = entry.headers
        if not entry.signature.startswith(self._signer.keyid):
            again = sign_again(
                self._signer,
                self._trust,
                entry.signature,
                id=entry.id,
                source=self._source,
                type=entry.type,
                digest=ids.sha256(entry.body),
            )
            headers = {**headers, SIGNATURE_HEADER: again}
        return Outgoing(EVENTS_EXCHANGE, entry.type, entry.body, headers, entry.id)

    def _entry(self, document_id: str, event: Event, cause: Received[Any] | None) -> Entry:
        body = event.model_dump_json().encode()
        if len(body) > MAX_MESSAGE_BYTES:
            raise PermanentError(
                f"{event.TYPE} would have {len(body)} bytes, more than {MAX_MESSAGE_BYTES}",
                field="body",
                remedy="shorten the script, the finding's text or the targets' facts, or name fewer systems",
            )
        event_id = str(ids.event_id(document_id, event.TYPE, _sequence(event)))
        headers = cloudevents.write(id=event_id, source=self._source, type=event.TYPE, time=datetime.now(UTC))
        headers["traceparent"] = self._telemetry.produced(f"{event.TYPE} publish")
        headers[SIGNATURE_HEADER] = sign_message(
            self._signer, id=event_id, source=self._source, type=event.TYPE, digest=ids.sha256(body)
        )
        return Entry(
            event_id,
            event.TYPE,
            self.clock.tick(),
            self.instance,
            cause.key if cause else None,
            headers,
            body,
        )


def _sequence(event: Event) -> int:
    # A target's events count its revisions.
    for name in ("sequence", "revision"):
        value = getattr(event, name, None)
        if isinstance(value, int):
            return value
    raise ValueError(f"{event.TYPE} has neither sequence nor revision")
