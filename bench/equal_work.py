"""What one hop of Suture writes and signs, done by a plain synchronous task.

The table is counted from the services' code: one remediation on the path that is measured (a finding with
HIGH confidence, a template whose parameters are all known, automatic approval, one target).
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymongo import MongoClient


@dataclass(frozen=True)
class Hop:
    """One service's work for one remediation; ``event_bytes`` is the size of each event that it publishes."""

    name: str
    inserts: int
    updates: int
    events: int
    signatures: int
    verifications: int
    event_bytes: int


# service     documents  changes of  events  signatures: messages + statements  checked
HOPS = (
    Hop("analyzer", inserts=1, updates=0, events=1, signatures=1, verifications=0, event_bytes=6_000),
    Hop("generator", inserts=1, updates=0, events=1, signatures=1, verifications=1, event_bytes=6_000),
    Hop("validator", inserts=1, updates=0, events=1, signatures=2, verifications=1, event_bytes=7_000),
    Hop("approver", inserts=1, updates=0, events=2, signatures=3, verifications=2, event_bytes=8_000),
    Hop("executor", inserts=1, updates=3, events=2, signatures=3, verifications=3, event_bytes=5_000),
)


class HopWork:
    """Does a hop's work: verify what came, write the document with its events, sign each of them."""

    def __init__(self, hop: Hop, store_url: str, database: str) -> None:
        self._hop = hop
        client: MongoClient[dict[str, Any]] = MongoClient(store_url)
        self._collection = client[database][f"equal_{hop.name}"]
        self._key = Ed25519PrivateKey.generate()
        self._public = self._key.public_key()
        probe = b"x" * hop.event_bytes
        self._known = (probe, self._key.sign(probe))
        self._filling = "y" * hop.event_bytes

    def perform(self, run_id: str, received: dict[str, Any] | None) -> dict[str, Any]:
        """Work as the hop does; returns the event for the next task."""
        json.dumps(received)
        for _ in range(self._hop.verifications):
            self._public.verify(self._known[1], self._known[0])
        events = [self._event(run_id, number) for number in range(self._hop.events)]
        signatures = [self._key.sign(body) for body in events]
        statements = self._hop.signatures - len(events)
        signatures.extend(self._key.sign(self._known[0]) for _ in range(statements))
        self._write(run_id, events, signatures)
        following: dict[str, Any] = json.loads(events[-1])
        return following

    def _event(self, run_id: str, number: int) -> bytes:
        event = {
            "run": run_id,
            "number": number,
            "filling": self._filling,
            "at": datetime.now(UTC).isoformat(),
        }
        return json.dumps(event).encode()

    def _write(self, run_id: str, events: list[bytes], signatures: list[bytes]) -> None:
        outbox = [
            {"body": body, "signature": base64.b64encode(signature).decode()}
            for body, signature in zip(events, signatures, strict=False)
        ]
        for number in range(self._hop.inserts):
            document = {"_id": f"{run_id}:{number}", "state": "0", "inbox": [run_id], "outbox": outbox}
            self._collection.insert_one(document)
        for number in range(self._hop.updates):
            changed = self._collection.update_one(
                {"_id": f"{run_id}:0", "state": str(number)},
                {"$set": {"state": str(number + 1)}, "$push": {"inbox": f"{run_id}:{number}"}},
            )
            if changed.matched_count != 1:
                raise RuntimeError(f"{run_id} was not in state {number}")
