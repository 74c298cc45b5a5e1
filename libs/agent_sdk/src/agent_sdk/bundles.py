"""What an agent checks for itself before it runs anything, and the plan that it makes of it."""

from __future__ import annotations

from pathlib import Path

from suture_chassis.custody import TrustStore, granted, unseal
from suture_chassis.custody.granted import Validated, refused, require_equal
from suture_contracts import ids
from suture_contracts.custody import Approval
from suture_contracts.leases import LEASE, Bundle, Lease
from suture_sandbox.protocol import RunPlan


def lease_in(bundle: Bundle, trust: TrustStore, target: str) -> Lease:
    """The executor's lease on this very script. Raises ``PermanentError`` or ``UnknownKey``."""
    lease = unseal(
        bundle.lease,
        trust,
        signed_by="executor",
        subject_sha256=ids.sha256(bundle.script.document.encode()),
        predicate_type=LEASE,
        model=Lease,
    )
    require_equal("lease.target", lease.target, target)
    require_equal("lease.script_id", lease.script_id, bundle.script.script_id)
    require_equal("lease.revision", lease.revision, bundle.script.revision)
    return lease


def plan_of(
    bundle: Bundle,
    lease: Lease,
    trust: TrustStore,
    root: Path,
    reads: tuple[str, ...] = (),
    hide: tuple[str, ...] = (),
) -> RunPlan:
    """One run below ``root``, whatever the system says of the target, of what was found valid and approved.

    A rehearsal changes nothing and needs no approval, a rollback restores what an approved run changed.
    Raises ``PermanentError`` that names what differs, or ``UnknownKey``.
    """
    found, approval = _granted(bundle, lease, trust)
    script, execution = found.document, str(lease.execution_id)
    if lease.target not in script.targets:
        raise refused("script.targets", f"the script is not for {lease.target}")
    starts = approval if lease.mode == "apply" else None
    return RunPlan.of(
        script,
        run_id=lease.run_id,
        claim_id=execution,
        execution_id=execution,
        mode=lease.mode,
        target=lease.target,
        root=str(root),
        reads=reads,
        hide=hide,
        reversibility=found.verdict.reversibility,
        not_after=starts.not_after.timestamp() if starts else None,
        expected=starts.expected.get(lease.target, {}) if starts else {},
        reason=lease.reason[:2_000],
    )


def _granted(bundle: Bundle, lease: Lease, trust: TrustStore) -> tuple[Validated, Approval | None]:
    if lease.mode in ("rehearse", "check"):
        return granted.validated(bundle.script, bundle.verdict, trust), None
    if bundle.approval is None:
        raise refused("approval", "a run that changes something needs an approval")
    found = granted.grant(bundle.script, bundle.verdict, bundle.approval, bundle.approval_id, trust)
    require_equal("lease.execution_id", lease.execution_id, ids.execution_id(found.approval.approval_id))
    return found, found.approval
