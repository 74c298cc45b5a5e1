"""Nothing runs but what the validator found valid and the approver approved, signed, for these very bytes."""

from __future__ import annotations

from datetime import datetime, timedelta

from suture_chassis.custody import TrustStore, granted, unseal
from suture_chassis.custody.granted import Granted, Validated, refused, require_equal
from suture_chassis.errors import TemporaryError
from suture_contracts import ids
from suture_contracts.custody import ROLLBACK, Approval, RollbackOrder
from suture_contracts.events import RehearsalRequested, RollbackRequested, ScriptApproved

_SKEW = timedelta(seconds=5)


def grant(event: ScriptApproved, trust: TrustStore) -> Granted:
    """Verify the whole chain. Raises ``PermanentError``, which names what differs, or ``UnknownKey``."""
    return granted.grant(event.script, event.verdict, event.approval, event.approval_id, trust)


def check_opening(approval: Approval, now: datetime) -> None:
    """Raises ``TemporaryError`` while the window has not opened."""
    if now + _SKEW < approval.not_before:
        raise TemporaryError(f"the approval counts from {approval.not_before.isoformat()} on")


def rehearsable(event: RehearsalRequested, trust: TrustStore) -> Validated:
    """A script with a valid verdict. Raises as ``grant`` does."""
    found = granted.validated(event.script, event.verdict, trust)
    require_equal(
        "rehearsal_id", event.rehearsal_id, ids.rehearsal_id(event.script.script_id, event.script.revision)
    )
    require_equal("targets", sorted(event.targets), sorted(found.document.targets))
    return found


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
    require_equal("approval.execution_id", found.execution_id, event.execution_id)
    require_equal("approval.principal", found.principal, event.principal)
    require_equal("approval.expected_state", found.expected_state, event.expected_state)
    if now > found.not_after:
        raise refused("approval.not_after", f"the order expired at {found.not_after.isoformat()}")
    return found
