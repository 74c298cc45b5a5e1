"""An agent believes nobody: what it runs has to prove itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from agent_sdk.bundles import lease_in, plan_of
from suture_chassis.custody import seal
from suture_chassis.errors import PermanentError
from suture_contracts import ids
from suture_contracts.custody import APPROVAL, VERDICT, Approval, Verdict
from suture_contracts.leases import LEASE, Bundle, Lease
from suture_contracts.script import Script, ScriptDocument
from suture_sandbox.protocol import RunPlan

NOW = datetime.now(UTC)
UNTIL = NOW + timedelta(minutes=5)
WRITES = ("/srv/app/db.conf",)


def bundle(trust: Any, mode: str = "apply", **bent: Any) -> Bundle:
    """A whole bundle; ``bent`` says what is otherwise: signers, fields, bytes, parts left out."""
    document = ScriptDocument(script_type="bash", body="true", targets=("far",), writes=WRITES)
    script = Script.of(ids.script_id(uuid4()), 1, document)
    signed = {"script_id": script.script_id, "revision": 1}
    approval_id = ids.approval_id(script.script_id, 1)

    def sealed(by: str, kind: str, predicate: Any) -> Any:
        return seal(
            trust.signer(by),
            subject_name="script",
            subject_sha256=script.sha256,
            predicate_type=kind,
            predicate=predicate,
        )

    verdict = {
        "ruleset": "0" * 64, "is_valid": True, "safety_score": 1.0, "reversibility": "exact", "at": NOW,
    }  # fmt: skip
    approval = {
        "approval_id": approval_id, "mode": "automatic", "targets": ("far",), "not_before": NOW,
        "not_after": UNTIL, "expected": {"far": {"/srv/app/db.conf": "absent"}},
    }  # fmt: skip
    lease = {
        "run_id": "run-1", "token": "t", "execution_id": ids.execution_id(approval_id), "mode": mode,
        "target": "far", "agent": "agent", "seconds": 30.0,
    }  # fmt: skip
    parts = {
        "verdict": sealed(
            bent.get("verdict_by", "validator"),
            VERDICT,
            Verdict(**signed, **{**verdict, **bent.get("verdict", {})}),
        ),
        "approval": sealed(
            bent.get("approval_by", "approver"),
            APPROVAL,
            Approval(**signed, **{**approval, **bent.get("approval", {})}),
        ),
        "lease": sealed(
            bent.get("lease_by", "executor"), LEASE, Lease(**{**signed, **lease, **bent.get("lease", {})})
        ),
    }
    sent = Script.of(script.script_id, 1, bent["other_bytes"]) if "other_bytes" in bent else script
    return Bundle(script=sent, approval_id=approval_id, **{**parts, **bent.get("parts", {})})


def planned(trust: Any, found: Bundle) -> RunPlan:
    lease = lease_in(found, trust.store, "far")
    return plan_of(found, lease, trust.store, Path("/srv/app"), hide=("/etc/agent.key",))


OTHER = ScriptDocument(script_type="bash", body="rm -rf /srv", targets=("far",), writes=WRITES)


@pytest.mark.parametrize(
    "bent",
    [
        {"lease_by": "gateway"},
        {"lease_by": "agent"},
        {"approval_by": "executor"},
        {"verdict_by": "generator"},
        {"verdict": {"is_valid": False}},
        {"other_bytes": OTHER},
        {"parts": {"approval": None}},
        {"approval": {"targets": ("another",)}},
        {"approval": {"approval_id": uuid4()}},
        {"lease": {"target": "another"}},
        {"lease": {"execution_id": uuid4()}},
        {"lease": {"revision": 2}},
    ],
    ids=str,
)
def test_what_does_not_prove_itself_is_not_run(trust: Any, bent: dict[str, Any]) -> None:
    with pytest.raises(PermanentError):
        planned(trust, bundle(trust, **bent))


def test_an_approved_script_is_planned_below_the_agents_own_root(trust: Any) -> None:
    plan = planned(trust, bundle(trust))
    assert (plan.root, plan.hide, plan.writes) == ("/srv/app", ("/etc/agent.key",), WRITES)
    assert (plan.mode, plan.not_after) == ("apply", UNTIL.timestamp())
    assert plan.expected == {"/srv/app/db.conf": "absent"}


def test_a_rehearsal_needs_no_approval_as_it_changes_nothing(trust: Any) -> None:
    assert planned(trust, bundle(trust, "rehearse", parts={"approval": None})).mode == "rehearse"


def test_a_rollback_needs_the_approval_of_what_it_takes_back(trust: Any) -> None:
    with pytest.raises(PermanentError):
        planned(trust, bundle(trust, "rollback", parts={"approval": None}))
