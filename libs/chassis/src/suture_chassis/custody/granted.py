"""What may run: what the validator found valid and the approver approved, signed, for these very bytes."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from pydantic import ValidationError
from suture_contracts import ids
from suture_contracts.custody import APPROVAL, VERDICT, Approval, Envelope, Verdict
from suture_contracts.script import Script, ScriptDocument

from suture_chassis.custody.statements import unseal
from suture_chassis.custody.trust import TrustStore
from suture_chassis.errors import PermanentError


@dataclass(frozen=True, slots=True)
class Validated:
    """A script whose verdict was verified; ``sha256`` is the digest of its bytes, computed here."""

    document: ScriptDocument
    sha256: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Granted(Validated):
    """Its approval was verified, too; whether the window is open is asked apart."""

    approval: Approval


def grant(
    script: Script, verdict: Envelope, approval: Envelope, approval_id: UUID | None, trust: TrustStore
) -> Granted:
    """Verify the whole chain. Raises ``PermanentError``, which names what differs, or ``UnknownKey``."""
    found = validated(script, verdict, trust)
    granted = unseal(
        approval,
        trust,
        signed_by="approver",
        subject_sha256=found.sha256,
        predicate_type=APPROVAL,
        model=Approval,
    )
    require_equal("approval.approval_id", granted.approval_id, approval_id)
    require_equal(
        "approval.approval_id", granted.approval_id, ids.approval_id(script.script_id, script.revision)
    )
    require_equal("approval.script_id", granted.script_id, script.script_id)
    require_equal("approval.revision", granted.revision, script.revision)
    require_equal("approval.targets", sorted(granted.targets), sorted(found.document.targets))
    if not found.document.targets:
        raise refused("script.targets", "the script names no target")
    if granted.mode == "supervised" and not granted.principals:
        raise refused("approval.principals", "a supervised approval names who gave it")
    return Granted(found.document, found.sha256, found.verdict, granted)


def validated(script: Script, envelope: Envelope, trust: TrustStore) -> Validated:
    """The script's document and the validator's verdict on it. Raises as ``grant`` does."""
    # The digest is computed here, over the bytes that will be run, whatever the event says of them.
    sha256 = ids.sha256(script.document.encode())
    try:
        document = script.parse()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise refused(".".join(("script.document", *map(str, first["loc"]))), first["msg"]) from None
    verdict = unseal(
        envelope, trust, signed_by="validator", subject_sha256=sha256, predicate_type=VERDICT, model=Verdict
    )
    require_equal("script.sha256", script.sha256, sha256)
    require_equal("verdict.script_id", verdict.script_id, script.script_id)
    require_equal("verdict.revision", verdict.revision, script.revision)
    require_equal("verdict.is_valid", verdict.is_valid, True)
    return Validated(document, sha256, verdict)


def require_equal(field: str, found: object, wanted: object) -> None:
    """Raises ``PermanentError`` that names the field where they differ."""
    if found != wanted:
        raise refused(field, f"it is {str(found)[:200]}, not {str(wanted)[:200]}")


def refused(field: str, reason: str) -> PermanentError:
    return PermanentError(
        f"refused to run: {reason}", field=field, remedy="have this revision validated and approved again"
    )
