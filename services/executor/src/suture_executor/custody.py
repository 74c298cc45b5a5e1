"""Nothing runs but what the validator found valid and the approver approved, signed, for these very bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import ValidationError
from suture_chassis.custody import TrustStore, unseal
from suture_chassis.errors import PermanentError, TemporaryError
from suture_contracts import ids
from suture_contracts.custody import APPROVAL, ROLLBACK, VERDICT, Approval, Envelope, RollbackOrder, Verdict
from suture_contracts.events import RehearsalRequested, RollbackRequested, ScriptApproved
from suture_contracts.script import Script, ScriptDocument

T = TypeVar("T")
_SKEW = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Granted:
    """A script whose verdict and approval were verified; whether the window is open is asked apart."""

    document: ScriptDocument
    sha256: str
    verdict: Verdict
    approval: Approval


def grant(event: ScriptApproved, trust: TrustStore) -> Granted:
    """Verify the whole chain. Raises ``PermanentError``, which names what differs, or ``UnknownKey``."""
    document, sha256, verdict = _validated(event.script, event.verdict, trust)
    approval = unseal(
        event.approval,
        trust,
        signed_by="approver",
        subject_sha256=sha256,
        predicate_type=APPROVAL,
        model=Approval,
    )
    script = event.script
    _equal("approval.approval_id", approval.approval_id, event.approval_id)
    _equal("approval.approval_id", approval.approval_id, ids.approval_id(script.script_id, script.revision))
    _equal("approval.script_id", approval.script_id, script.script_id)
    _equal("approval.revision", approval.revision, script.revision)
    _equal("approval.targets", sorted(approval.targets), sorted(document.targets))
    if not document.targets:
        raise _refused("script.targets", "the script names no target")
    if approval.mode == "supervised" and not approval.principals:
        raise _refused("approval.principals", "a supervised approval names who gave it")
    return Granted(document, sha256, verdict, approval)


def check_opening(approval: Approval, now: datetime) -> None:
    """Raises ``TemporaryError`` while the window has not opened."""
    if now + _SKEW < approval.not_before:
        raise TemporaryError(f"the approval counts from {approval.not_before.isoformat()} on")


def rehearsable(event: RehearsalRequested, trust: TrustStore) -> tuple[ScriptDocument, str]:
    """A script with a valid verdict, and its digest. Raises as ``grant`` does."""
    document, sha256, _ = _validated(event.script, event.verdict, trust)
    _equal(
        "rehearsal_id", event.rehearsal_id, ids.rehearsal_id(event.script.script_id, event.script.revision)
    )
    _equal("targets", sorted(event.targets), sorted(document.targets))
    return document, sha256


def order(event: RollbackRequested, sha256: str, trust: TrustStore, now: datetime) -> RollbackOrder:
    """The approver's order for the script of that digest. Raises as ``grant`` does."""
    found = unseal(
        event.approval,
        trust,
        signed_by="approver",
        subject_sha256=sha256,
        predicate_type=ROLLBACK,
        model=RollbackOrder,
    )
    _equal("approval.execution_id", found.execution_id, event.execution_id)
    _equal("approval.principal", found.principal, event.principal)
    _equal("approval.expected_state", found.expected_state, event.expected_state)
    if now > found.not_after:
        raise _refused("approval.not_after", f"the order expired at {found.not_after.isoformat()}")
    return found


def _validated(script: Script, envelope: Envelope, trust: TrustStore) -> tuple[ScriptDocument, str, Verdict]:
    # The digest is computed here, over the bytes that will be run, whatever the event says of them.
    sha256 = ids.sha256(script.document.encode())
    try:
        document = script.parse()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise _refused(".".join(("script.document", *map(str, first["loc"]))), first["msg"]) from None
    verdict = unseal(
        envelope, trust, signed_by="validator", subject_sha256=sha256, predicate_type=VERDICT, model=Verdict
    )
    _equal("script.sha256", script.sha256, sha256)
    _equal("verdict.script_id", verdict.script_id, script.script_id)
    _equal("verdict.revision", verdict.revision, script.revision)
    _equal("verdict.is_valid", verdict.is_valid, True)
    return document, sha256, verdict


def _equal(field: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise _refused(field, f"it is {str(found)[:200]}, not {str(wanted)[:200]}")


def _refused(field: str, reason: str) -> PermanentError:
    return PermanentError(
        f"refused to run: {reason}", field=field, remedy="have this revision validated and approved again"
    )
