"""Signed statements: in-toto statements in DSSE envelopes, Ed25519."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from suture_contracts.base import Digest, Fraction, Name, Principal, Seen, Value

SIGNATURE_HEADER = "suture_signature"
"""AMQP header of every signed message: ``<key id>:<base64 of the signature>`` over type and body bytes."""

VERDICT = "https://suture.dev/verdict/v1"
APPROVAL = "https://suture.dev/approval/v1"
EXECUTION = "https://suture.dev/execution/v1"
ROLLBACK = "https://suture.dev/rollback/v1"


class DsseSignature(Value):
    keyid: Name
    sig: str = Field(max_length=200)


class Envelope(Value):
    """A DSSE envelope; ``payload`` is the base64 of an in-toto statement's bytes."""

    payloadType: Literal["application/vnd.in-toto+json"] = "application/vnd.in-toto+json"
    payload: str = Field(max_length=400_000)
    signatures: tuple[DsseSignature, ...] = Field(min_length=1, max_length=4)


class Verdict(Value):
    """The validator's: this document (the statement's subject) was analysed, and found so."""

    script_id: UUID
    revision: int
    ruleset: Digest
    is_valid: bool
    safety_score: Fraction
    reversibility: Literal["exact", "compensating", "none"]
    at: datetime


class Approval(Value):
    """The approver's: this document may run once, on these targets, in this window.

    ``expected`` is what was seen before it was given, by target: where it is otherwise, nothing is run.
    """

    approval_id: UUID
    script_id: UUID
    revision: int
    mode: Literal["automatic", "supervised"]
    principals: tuple[Principal, ...] = ()
    targets: tuple[Name, ...]
    not_before: datetime
    not_after: datetime
    expected: Seen = Field(default_factory=dict)


class RollbackOrder(Value):
    """The approver's: take this execution back, while its targets are still in the state that it left."""

    execution_id: UUID
    principal: Principal
    reason: str
    expected_state: dict[str, Any] = Field(default_factory=dict)
    not_after: datetime


class Attestation(Value):
    """The executor's: this is what happened."""

    execution_id: UUID
    approval_id: UUID
    mode: str
    outcome: str
    runs_sha256: Digest
    at: datetime
