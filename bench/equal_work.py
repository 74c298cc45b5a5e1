"""What the services write and sign for one remediation, done by five plain synchronous tasks.

The table is counted from the services' code for the path that is measured: a finding with HIGH confidence, a
template whose parameters are all known, automatic approval, one target. Sizes are those of the documents and
events that a run left behind, indexes those that the services create.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymongo import MongoClient
from pymongo.collection import Collection

JOURNAL_BYTES = 900
FOLD_BYTES = 900


@dataclass(frozen=True)
class Hop:
    """One service's work for one remediation.

    ``documents`` are the sizes of what it inserts, beside the events, which the first of them carries;
    ``indexes`` are those of that first document's collection. ``events`` are the sizes of what it publishes,
    each signed; ``statements`` are further signatures, ``verifications`` signatures that it checks.
    ``journalled`` events are entered in the journal, folded and verified once more: the gateway's work, which
    the task does for the events that its service publishes.
    """

    name: str
    documents: tuple[int, ...]
    indexes: int
    updates: int
    deletes: int
    events: tuple[int, ...]
    statements: int
    verifications: int
    journalled: int


HOPS = (
    # Its analysis. It journals the finding too, which comes from outside without a signature.
    Hop("analyzer", (900,), 3, 0, 0, (5_200,), 0, 0, 2),
    # The script with the analysis that it was made from; later the outcome. Checks both events.
    Hop("generator", (8_200, 300), 3, 0, 0, (4_600,), 0, 2, 1),
    # The report. Signs the verdict.
    Hop("validator", (900,), 2, 0, 0, (6_000,), 1, 1, 1),
    # The case; later the outcome. Checks two events and the verdict, signs the approval.
    Hop("approver", (900, 400), 4, 0, 0, (5_100, 5_400), 1, 3, 2),
    # Execution, lock, that it began; its end; the lock removed. Checks event and statements, attests the end.
    Hop("executor", (4_500, 80, 500), 3, 1, 1, (450, 2_300), 1, 3, 2),
)


class HopWork:
    """Does a hop's work: verify what came, sign, write the document with its events, journal them."""

    def __init__(self, hop: Hop, store_url: str, database: str) -> None:
        self._hop = hop
        client: MongoClient[dict[str, Any]] = MongoClient(store_url)
        self._documents: Collection[dict[str, Any]] = client[database][hop.name]
        self._others = client[database][f"{hop.name}_others"]
        self._journal = client[database]["journal"]
        self._folds = client[database]["folds"]
        self._key = Ed25519PrivateKey.generate()
        self._public = self._key.public_key()
        probe = b"x" * max(hop.events)
        self._known = (self._key.sign(probe), probe)
        self._prepare()

    def _prepare(self) -> None:
        self._documents.create_index("outbox.at")
        for number in range(1, self._hop.indexes):
            self._documents.create_index([("state", 1), (f"field_{number}", 1)])
        self._journal.create_index("key", unique=True)
        self._folds.create_index([("state", 1), ("_id", 1)])

    def perform(self, run_id: str, received: dict[str, Any] | None) -> dict[str, Any]:
        """Work as the hop does; returns the event for the next task."""
        for _ in range(self._hop.verifications):
            self._public.verify(*self._known)
        events = [json.dumps({"run": run_id, "body": "y" * size}).encode() for size in self._hop.events]
        outbox = [self._signed(body) for body in events]
        for _ in range(self._hop.statements):
            self._key.sign(self._known[1])
        self._write(run_id, outbox)
        for number in range(self._hop.journalled):
            self._enter(run_id, number)
        following: dict[str, Any] = json.loads(events[-1])
        return following

    def _signed(self, body: bytes) -> dict[str, Any]:
        return {"body": body, "signature": base64.b64encode(self._key.sign(body)).decode(), "at": 1}

    def _write(self, run_id: str, outbox: list[dict[str, Any]]) -> None:
        first, *others = self._hop.documents
        document = {"_id": run_id, "state": "0", "inbox": [run_id], "body": "z" * first, "outbox": outbox}
        self._documents.insert_one(document)
        for number, size in enumerate(others):
            self._others.insert_one({"_id": f"{run_id}:{number}", "body": "z" * size})
        for number in range(self._hop.updates):
            changed = self._documents.update_one(
                {"_id": run_id, "state": str(number)},
                {"$set": {"state": str(number + 1)}, "$push": {"inbox": f"{run_id}:{number}"}},
            )
            if changed.matched_count != 1:
                raise RuntimeError(f"{run_id} was not in state {number}")
        for number in range(self._hop.deletes):
            self._others.delete_one({"_id": f"{run_id}:{number}"})

    def _enter(self, run_id: str, number: int) -> None:
        self._public.verify(*self._known)
        key = f"{run_id}:{self._hop.name}:{number}"
        self._journal.insert_one({"_id": key, "key": key, "run": run_id, "body": b"j" * JOURNAL_BYTES})
        state = {"state": f"{self._hop.name}:{number}", f"{self._hop.name}_{number}": "f" * FOLD_BYTES}
        self._folds.update_one({"_id": run_id}, {"$set": state}, upsert=True)
