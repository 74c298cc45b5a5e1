"""Ids are derived, never minted: the same input gives the same id, so a redelivery repeats every id."""

from __future__ import annotations

import hashlib
import json
from uuid import UUID, uuid5

_NAMESPACE = UUID("5f0c5b4e-9d5a-5e0e-8a44-0d1d6c7a5c11")


def _derive(*parts: object) -> UUID:
    # A JSON array keeps ("a", "bc") and ("ab", "c") apart.
    return uuid5(_NAMESPACE, json.dumps([str(part) for part in parts], separators=(",", ":")))


def remediation_id(source: str, event_id: str) -> UUID:
    """The remediation that a CloudEvent (its ``source`` and ``id``) opens."""
    return _derive("remediation", source, event_id)


def script_id(remediation: UUID) -> UUID:
    """The script of a remediation; constant over repairs, its revision counts."""
    return _derive("script", remediation)


def approval_id(script: UUID, revision: int) -> UUID:
    return _derive("approval", script, revision)


def execution_id(approval: UUID) -> UUID:
    """An approval is for one execution, so that its id names the execution too."""
    return _derive("execution", approval)


def rehearsal_id(script: UUID, revision: int) -> UUID:
    return _derive("rehearsal", script, revision)


def event_id(document: object, event_type: str, sequence: int) -> UUID:
    """The id of the event that a document (by its id) publishes as number ``sequence``."""
    return _derive("event", document, event_type, sequence)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
