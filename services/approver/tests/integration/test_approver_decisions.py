"""What people decide, on a real broker and store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from suture_chassis.app import Service
from suture_chassis.custody import unseal
from suture_contracts.base import Principal
from suture_contracts.commands import Approve, Deny, RequestRollback
from suture_contracts.custody import APPROVAL, ROLLBACK, Approval, RollbackOrder
from suture_contracts.events import (
    ApprovalRequested,
    ExecutionRefused,
    RehearsalRequested,
    RollbackRequested,
    ScriptApproved,
    ScriptDenied,
    ScriptLapsed,
    ScriptValidated,
    TargetRemoved,
)
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire

FIRST = Principal(id="supervisor", role="supervisor")
SECOND = Principal(id="supervisor-2", role="supervisor")
OPERATOR = Principal(id="operator", role="operator")


def times() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"command_id": f"command-{uuid4()}", "issued_at": now, "expires_at": now + timedelta(minutes=1)}


def seen(asked: ApprovalRequested, principal: Principal = FIRST, **fields: Any) -> dict[str, Any]:
    script = asked.script
    decision = {"approval_id": asked.approval_id, "revision": script.revision, "digest": script.sha256}
    return {**times(), "principal": principal, **decision, **fields}


def take_back(execution: Any, principal: Principal = FIRST) -> RequestRollback:
    return RequestRollback(
        **times(), principal=principal, execution_id=execution.execution_id, reason="worse"
    )


async def new_key(trust: Identities, name: str) -> None:
    """A service gets a new key, its old one is revoked; returns when whoever runs knows both."""
    trust.ring.renew(name)
    await asyncio.sleep(1.1)


async def asked_about(wire: Wire, neighbours: Any, **fields: Any) -> ApprovalRequested:
    """A script that one supervisor, or with ``LOW`` two, must approve."""
    validated = neighbours.validated(**{"complexity": "high", **fields})
    await wire.publish(validated, as_="validator")
    return await wire.expect(ApprovalRequested, remediation_id=validated.remediation_id)


def approval_in(approved: ScriptApproved, trust: Identities) -> Approval:
    return unseal(
        approved.approval,
        trust.store,
        signed_by="approver",
        subject_sha256=approved.script.sha256,
        predicate_type=APPROVAL,
        model=Approval,
    )


LOW: dict[str, Any] = {"origin": "novel", "template": None, "complexity": "high"}


async def test_one_supervisor_approves_what_is_medium_and_the_approval_names_them(
    wire: Wire, trust: Identities, approver: Service, neighbours: Any
) -> None:
    asked = await asked_about(wire, neighbours)
    reply = await wire.request(Approve(**seen(asked)))
    assert (reply.status, reply.body["state"], reply.body["approvals"]) == (200, "approved", 1)
    approved = await wire.expect(ScriptApproved)
    approval = approval_in(approved, trust)
    assert approved.script.sha256 == asked.script.sha256
    assert (approval.mode, approval.principals, approval.targets) == ("supervised", (FIRST,), ("web-01",))


async def test_an_approval_is_for_the_state_that_its_rehearsal_saw(
    wire: Wire, trust: Identities, an_approver: Any, neighbours: Any
) -> None:
    async with an_approver():
        validated = neighbours.validated(complexity="high")
        await wire.publish(validated, as_="validator")
        await wire.expect(RehearsalRequested)
        found = {"web-01": {"/etc/orders/database.conf": "a" * 64, "/etc/orders/new.conf": "absent"}}
        await wire.publish(neighbours.rehearsed(validated, seen=found), as_="executor")
        asked = await wire.expect(ApprovalRequested)
        assert (await wire.request(Approve(**seen(asked)))).status == 200
        approved = await wire.expect(ScriptApproved)
        assert approval_in(approved, trust).expected == found


async def test_a_supervisor_s_own_key_decides_straight_from_the_queue(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    asked = await asked_about(wire, neighbours)
    assert (await wire.request(Approve(**seen(asked)), as_="supervisor")).status == 200
    await wire.expect(ScriptApproved)


async def test_a_supervisor_can_not_lend_a_name_to_another_one_s_key(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    asked = await asked_about(wire, neighbours)
    assert (await wire.request(Approve(**seen(asked, SECOND)), as_="supervisor")).status == 403
    assert not wire.seen(ScriptApproved)


async def test_what_is_low_takes_two_different_principals(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    asked = await asked_about(wire, neighbours, **LOW)
    assert (asked.confidence.level, asked.approvers_required) == ("LOW", 2)
    for _ in range(2):
        reply = await wire.request(Approve(**seen(asked)))
        assert (reply.status, reply.body["state"], reply.body["approvals"]) == (200, "awaiting_approval", 1)
    assert not wire.seen(ScriptApproved)
    reply = await wire.request(Approve(**seen(asked, SECOND)))
    assert (reply.body["state"], reply.body["approvals"]) == ("approved", 2)
    assert await wire.expect(ScriptApproved)


async def test_two_supervisors_at_the_same_moment_both_count(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    asked = await asked_about(wire, neighbours, **LOW)
    replies = await asyncio.gather(*(wire.request(Approve(**seen(asked, who))) for who in (FIRST, SECOND)))
    assert {reply.status for reply in replies} == {200}
    await wire.expect(ScriptApproved)
    assert len({each.id for each in wire.seen(ScriptApproved)}) == 1


async def test_the_same_command_again_gets_the_same_answer_and_one_event(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    asked = await asked_about(wire, neighbours)
    command = Approve(**seen(asked))
    replies = [await wire.request(command) for _ in range(2)]
    assert replies[0] == replies[1]
    await wire.expect(ScriptApproved)
    assert len({each.id for each in wire.seen(ScriptApproved)}) == 1


async def test_nobody_approves_or_denies_what_they_asked_for(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    asked = await asked_about(wire, neighbours, requested_by=FIRST)
    for command in (Approve(**seen(asked)), Deny(**seen(asked))):
        reply = await wire.request(command)
        assert reply.status == 403
        assert reply.problem is not None
        assert reply.problem.field == "principal"
    assert (await wire.request(Approve(**seen(asked, SECOND)))).body["state"] == "approved"


@pytest.mark.parametrize("role", ["agent", "operator"])
async def test_only_supervisors_and_admins_decide(
    wire: Wire, approver: Service, neighbours: Any, role: Any
) -> None:
    asked = await asked_about(wire, neighbours)
    reply = await wire.request(Approve(**seen(asked, Principal(id=role, role=role))))
    assert reply.status == 403
    assert not wire.seen(ScriptApproved)


@pytest.mark.parametrize("stale", [{"revision": 2}, {"digest": "0" * 64}])
async def test_a_decision_on_something_else_than_what_is_there_is_a_conflict_that_shows_it(
    wire: Wire, approver: Service, neighbours: Any, stale: dict[str, Any]
) -> None:
    asked = await asked_about(wire, neighbours)
    reply = await wire.request(Approve(**seen(asked, **stale)))
    assert reply.status == 409
    assert reply.problem is not None
    assert reply.problem.state is not None
    assert reply.problem.field in stale
    assert reply.problem.state["state"] == "awaiting_approval"
    assert reply.problem.state["digest"] == asked.script.sha256
    assert not wire.seen(ScriptApproved)


async def test_a_newer_revision_makes_a_decision_on_the_older_one_stale(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    first = await asked_about(wire, neighbours)
    second = await asked_about(wire, neighbours, remediation=first.remediation_id, revision=2)
    for named in ({}, {"approval_id": None, "script_id": first.script.script_id}):
        reply = await wire.request(Approve(**seen(first, **named)))
        assert reply.status == 409
        assert reply.problem is not None
        assert reply.problem.state is not None
        assert reply.problem.state["revision"] == 2
    assert (await wire.request(Approve(**seen(second)))).body["state"] == "approved"


async def test_an_approval_that_nobody_asked_for_is_not_found(wire: Wire, approver: Service) -> None:
    for named in ({"approval_id": uuid4()}, {"script_id": uuid4()}):
        command = Approve(**times(), principal=FIRST, revision=1, digest="0" * 64, **named)
        assert (await wire.request(command)).status == 404


async def test_one_denial_ends_it_and_says_by_whom_and_why(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    asked = await asked_about(wire, neighbours, **LOW)
    await wire.request(Approve(**seen(asked)))
    reply = await wire.request(Deny(**seen(asked, SECOND, reason="not on a Friday")))
    assert (reply.status, reply.body["state"]) == (200, "denied")
    denied = await wire.expect(ScriptDenied)
    assert (denied.outcome, denied.reason, denied.principal) == ("denied", "not on a Friday", SECOND)
    assert (await wire.request(Deny(**seen(asked, SECOND)))).status == 200
    assert (await wire.request(Approve(**seen(asked, Principal(id="admin", role="admin"))))).status == 409
    assert len({each.id for each in wire.seen(ScriptDenied)}) == 1


async def test_the_next_revision_of_a_denied_script_is_never_automatic(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    asked = await asked_about(wire, neighbours)
    await wire.request(Deny(**seen(asked)))
    again = await asked_about(
        wire, neighbours, remediation=asked.remediation_id, revision=2, complexity="low"
    )
    assert again.confidence.caps == ("an earlier revision was denied",)
    assert (again.notify_only, again.approvers_required) == (False, 1)


async def test_a_script_that_waits_for_a_target_can_be_denied_but_not_approved(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    asked = await asked_about(wire, neighbours, targets=())
    assert (await wire.request(Approve(**seen(asked)))).status == 409
    assert (await wire.request(Deny(**seen(asked)))).body["state"] == "denied"


async def test_what_was_asked_about_a_target_that_is_gone_can_not_be_approved(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    asked = await asked_about(wire, neighbours)
    await wire.publish(TargetRemoved(target_id="web-01", revision=2), as_="executor")
    targets = approver.store.documents("approver_targets")
    await until(lambda: targets.get("web-01"))
    reply = await wire.request(Approve(**seen(asked)))
    assert (reply.status, reply.problem and reply.problem.field) == (409, "targets")


async def test_a_verdict_whose_key_was_revoked_meanwhile_sends_the_script_back_to_validation(
    wire: Wire, trust: Identities, approver: Service, neighbours: Any
) -> None:
    validated = neighbours.validated(complexity="high")
    await wire.publish(validated, as_="validator")
    asked = await wire.expect(ApprovalRequested)
    await new_key(trust, "validator")
    reply = await wire.request(Approve(**seen(asked)))
    assert (reply.status, reply.problem and reply.problem.field) == (409, "verdict")
    assert reply.problem is not None
    assert "revoked" in str(reply.problem.detail)
    lapsed = await wire.expect(ScriptLapsed)
    assert (lapsed.script_id, lapsed.revision) == (asked.script.script_id, 1)
    assert not wire.seen(ScriptApproved)
    anew = neighbours.validated(validated.remediation_id, revision=2, complexity="high")
    await wire.publish(anew, as_="validator")
    asked = await wire.expect(ApprovalRequested)
    assert (await wire.request(Approve(**seen(asked)))).status == 200
    assert (await wire.expect(ScriptApproved)).script.revision == 2


async def test_what_the_executor_refused_for_its_key_is_validated_anew_and_approved_again(
    wire: Wire, trust: Identities, approver: Service, neighbours: Any
) -> None:
    validated = neighbours.validated()
    await wire.publish(validated, as_="validator")
    approved = await wire.expect(ScriptApproved)
    refused = ExecutionRefused(
        remediation_id=validated.remediation_id,
        sequence=0,
        causation_id="1",
        causation_digest="0" * 64,
        approval_id=approved.approval_id,
        script_id=validated.script.script_id,
        revision=1,
        reason="the key was revoked",
    )
    for _ in range(2):
        await wire.publish(refused, as_="executor")
    assert (await wire.expect(ScriptLapsed)).revision == 1
    await wire.publish(neighbours.validated(validated.remediation_id, revision=2), as_="validator")
    again = await wire.expect(ScriptApproved)
    assert again.script.revision == 2
    assert again.approval_id != approved.approval_id
    # A refusal that comes late is about an approval that another one took the place of.
    await wire.publish(refused, as_="executor")
    await wire.publish(neighbours.validated(validated.remediation_id, revision=3), as_="validator")
    await asyncio.sleep(0.5)
    assert len(wire.seen(ScriptLapsed)) == 1
    assert await wire.dead_letters() == []


async def test_an_operator_takes_back_an_execution_that_succeeded_by_a_signed_order(
    wire: Wire, trust: Identities, approver: Service, neighbours: Any
) -> None:
    validated, execution = await executed(wire, approver, neighbours, "succeeded")
    command = take_back(execution, OPERATOR)
    reply = await wire.request(command)
    assert (reply.status, reply.body["execution_id"]) == (202, str(execution.execution_id))
    requested = await wire.expect(RollbackRequested)
    order = unseal(
        requested.approval,
        trust.store,
        signed_by="approver",
        subject_sha256=validated.script.sha256,
        predicate_type=ROLLBACK,
        model=RollbackOrder,
    )
    assert (order.execution_id, order.principal, order.reason) == (execution.execution_id, OPERATOR, "worse")
    assert order.expected_state == requested.expected_state == {"web-01": {"/etc/x": "a" * 64}}
    assert order.not_after > datetime.now(UTC)
    for again in (command, take_back(execution)):
        assert (await wire.request(again)).status == 202
    assert len({each.id for each in wire.seen(RollbackRequested)}) == 1


async def test_only_a_known_execution_that_succeeded_is_taken_back(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    _, execution = await executed(wire, approver, neighbours, "rolled_back")
    reply = await wire.request(take_back(execution))
    assert reply.status == 409
    assert reply.problem is not None
    assert reply.problem.state is not None
    assert reply.problem.state["execution"]["outcome"] == "rolled_back"
    unknown = RequestRollback(**times(), principal=FIRST, execution_id=uuid4())
    assert (await wire.request(unknown)).status == 404
    agent = Principal(id="agent", role="agent")
    assert (await wire.request(take_back(execution, agent))).status == 403
    assert not wire.seen(RollbackRequested)


async def test_a_rollback_asked_for_before_the_outcome_was_noted_waits_for_it(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    validated = neighbours.validated()
    await wire.publish(validated, as_="validator")
    await wire.expect(ScriptApproved)
    execution = neighbours.executed(validated, "succeeded")
    asked = asyncio.create_task(wire.request(take_back(execution)))
    await asyncio.sleep(0.5)
    await wire.publish(execution, as_="executor")
    assert (await asked).status == 202
    await wire.expect(RollbackRequested)


async def test_a_rollback_of_what_still_runs_or_waits_is_a_conflict_that_shows_it(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    running = neighbours.validated()
    await wire.publish(running, as_="validator")
    await wire.expect(ScriptApproved)
    waiting = neighbours.validated(complexity="high")
    await wire.publish(waiting, as_="validator")
    await wire.expect(ApprovalRequested, remediation_id=waiting.remediation_id)
    for validated, state in ((running, "approved"), (waiting, "awaiting_approval")):
        reply = await wire.request(take_back(neighbours.executed(validated, "succeeded")))
        assert reply.status == 409
        assert reply.problem is not None
        assert reply.problem.state is not None
        assert reply.problem.state["state"] == state
    assert not wire.seen(RollbackRequested)


async def executed(
    wire: Wire, approver: Service, neighbours: Any, outcome: str
) -> tuple[ScriptValidated, Any]:
    validated = neighbours.validated()
    await wire.publish(validated, as_="validator")
    await wire.expect(ScriptApproved)
    execution = neighbours.executed(validated, outcome)
    await wire.publish(execution, as_="executor")
    outcomes = approver.store.collection("approval_outcomes")

    async def noted() -> bool:
        return await outcomes.find_one({"script_id": str(validated.script.script_id)}) is not None

    await until(noted)
    return validated, execution


async def until(ask: Callable[[], Any], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while True:
            if await ask():
                return
            await asyncio.sleep(0.05)
