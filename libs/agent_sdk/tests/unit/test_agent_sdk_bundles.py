"""An agent believes nobody: what it runs has to prove itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from agent_sdk.bundles import lease_in, plan_of
from suture_chassis.errors import PermanentError
from suture_contracts.leases import Bundle
from suture_contracts.script import ScriptDocument
from suture_sandbox.protocol import RunPlan

WRITES = ("/srv/app/db.conf",)


def planned(trust: Any, found: Bundle) -> RunPlan:
    lease = lease_in(found, trust.store, "far")
    return plan_of(found, lease, trust.store, Path("/srv/app"), hide=("/etc/agent.key",))


OTHER = ScriptDocument(script_type="bash", body="rm -rf /srv", targets=("far",), writes=WRITES)

# One for all runs of the tests: workers name their cases alike.
ANOTHER = UUID(int=7)


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
        {"approval": {"approval_id": ANOTHER}},
        {"lease": {"target": "another"}},
        {"lease": {"execution_id": ANOTHER}},
        {"lease": {"revision": 2}},
    ],
    ids=str,
)
def test_what_does_not_prove_itself_is_not_run(trust: Any, make_bundle: Any, bent: dict[str, Any]) -> None:
    with pytest.raises(PermanentError):
        planned(trust, make_bundle(**bent))


def test_an_approved_script_is_planned_below_the_agents_own_root(trust: Any, make_bundle: Any) -> None:
    plan = planned(trust, make_bundle())
    assert (plan.root, plan.hide, plan.writes) == ("/srv/app", ("/etc/agent.key",), WRITES)
    assert plan.mode == "apply"
    assert plan.not_after is not None
    assert plan.expected == {"/srv/app/db.conf": "absent"}


def test_a_rehearsal_needs_no_approval_as_it_changes_nothing(trust: Any, make_bundle: Any) -> None:
    assert planned(trust, make_bundle("rehearse", parts={"approval": None})).mode == "rehearse"


def test_a_rollback_needs_the_approval_of_what_it_takes_back(trust: Any, make_bundle: Any) -> None:
    with pytest.raises(PermanentError):
        planned(trust, make_bundle("rollback", parts={"approval": None}))
