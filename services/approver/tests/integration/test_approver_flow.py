"""From a verdict to a signed approval, on a real broker and store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from suture_chassis.app import Service
from suture_chassis.custody import unseal
from suture_contracts import ids
from suture_contracts.custody import APPROVAL, Approval
from suture_contracts.events import (
    ApprovalRequested,
    ExecutionRefused,
    RehearsalRequested,
    ScriptApproved,
    ScriptDenied,
    ScriptLapsed,
    ScriptValidated,
)
from suture_contracts.target import Target
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire


def approval_in(event: ScriptApproved, trust: Identities) -> Approval:
    return unseal(
        event.approval,
        trust.store,
        signed_by="approver",
        subject_sha256=event.script.sha256,
        predicate_type=APPROVAL,
        model=Approval,
    )


async def state_of(service: Service, validated: ScriptValidated) -> str:
    document = await service.store.documents("approvals").get(str(validated.script.script_id))
    assert document is not None
    return str(document["state"])


async def test_a_sure_script_is_approved_at_once_and_supervisors_are_notified(
    wire: Wire, trust: Identities, approver: Service, neighbours: Any
) -> None:
    validated = neighbours.validated()
    await wire.publish(validated, as_="validator")
    asked = await wire.expect(ApprovalRequested)
    approved = await wire.expect(ScriptApproved)
    assert (asked.notify_only, asked.awaiting_target, asked.approvers_required) == (True, False, 0)
    assert asked.confidence.level == "HIGH"
    assert approved.script == validated.script
    assert approved.causation_id == asked.causation_id
    approval = approval_in(approved, trust)
    assert (approval.mode, approval.principals, approval.targets) == ("automatic", (), ("web-01",))
    assert approval.approval_id == ids.approval_id(validated.script.script_id, 1)
    assert approval.not_before < approval.not_after == asked.expires_at
    assert await state_of(approver, validated) == "approved"


async def test_the_same_verdict_twice_leads_to_one_approval_with_the_same_ids(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    validated = neighbours.validated()
    for _ in range(3):
        await wire.publish(validated, as_="validator", id="same", source="suture/validator")
    await wire.expect(ScriptApproved)
    other = neighbours.validated()
    await wire.publish(other, as_="validator")
    await wire.expect(ScriptApproved, remediation_id=other.remediation_id)
    seen = wire.seen(ScriptApproved, remediation_id=validated.remediation_id)
    assert len({(each.id, each.body) for each in seen}) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"signed_by": "generator"},
        {"verdict": {"is_valid": False}},
        {"verdict": {"revision": 2}},
        {"verdict": {"script_id": uuid4()}},
        {"ruleset": "0" * 64},
    ],
)
async def test_a_verdict_of_another_or_on_another_script_is_dead_lettered_and_approves_nothing(
    wire: Wire, approver: Service, neighbours: Any, changed: dict[str, Any]
) -> None:
    await wire.publish(neighbours.validated(**changed), as_="validator")
    dead = await until(wire.dead_letters)
    assert dead[0].type == "script.validated"
    assert not published(wire)


async def test_a_verdict_that_was_taken_from_another_script_is_refused(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    good = neighbours.validated()
    stolen = neighbours.validated(good.remediation_id, revision=2, verdict={"revision": 1})
    await wire.publish(stolen.model_copy(update={"verdict": good.verdict}), as_="validator")
    dead = await until(wire.dead_letters)
    assert "another subject" in str(dict(dead[0].headers))
    assert not published(wire)


async def test_targets_that_are_not_in_the_script_s_own_bytes_are_refused(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    other = (Target(id="db-01", kind="local", owner="agent"),)
    await wire.publish(
        neighbours.validated(targets=("web-01",)).model_copy(update={"targets": other}), as_="validator"
    )
    assert (await until(wire.dead_letters))[0].type == "script.validated"
    assert not published(wire)


async def test_a_script_without_a_target_waits_for_one_and_its_next_revision_is_approved(
    wire: Wire, trust: Identities, approver: Service, neighbours: Any
) -> None:
    first = neighbours.validated(targets=())
    await wire.publish(first, as_="validator")
    asked = await wire.expect(ApprovalRequested)
    assert (asked.awaiting_target, asked.notify_only) == (True, True)
    assert await state_of(approver, first) == "awaiting_target"
    assert not wire.seen(ScriptApproved)
    second = neighbours.validated(first.remediation_id, revision=2)
    await wire.publish(second, as_="validator")
    approved = await wire.expect(ScriptApproved)
    assert (approved.script.revision, approval_in(approved, trust).revision) == (2, 2)
    assert len(published(wire)) == 3


async def test_an_older_revision_that_comes_late_changes_nothing(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    second = neighbours.validated(revision=2, complexity="high")
    await wire.publish(second, as_="validator")
    await wire.expect(ApprovalRequested)
    await wire.publish(neighbours.validated(second.remediation_id, revision=1), as_="validator")
    other = neighbours.validated()
    await wire.publish(other, as_="validator")
    await wire.expect(ScriptApproved, remediation_id=other.remediation_id)
    assert not wire.seen(ScriptApproved, remediation_id=second.remediation_id)
    assert await state_of(approver, second) == "awaiting_approval"


async def test_what_is_not_sure_is_rehearsed_first_and_approvers_see_what_it_brought(
    wire: Wire, an_approver: Any, neighbours: Any
) -> None:
    async with an_approver() as service:
        validated = neighbours.validated(complexity="high")
        await wire.publish(validated, as_="validator")
        rehearsal = await wire.expect(RehearsalRequested)
        assert rehearsal.targets == ("web-01",)
        assert await state_of(service, validated) == "awaiting_rehearsal"
        assert not wire.seen(ApprovalRequested)
        await wire.publish(neighbours.rehearsed(validated), as_="executor")
        asked = await wire.expect(ApprovalRequested)
        assert asked.rehearsal is not None
        assert (asked.rehearsal.outcome, asked.rights) == ("passed", ("write /etc/orders/database.conf",))
        assert (asked.notify_only, asked.approvers_required) == (False, 1)
        assert await state_of(service, validated) == "awaiting_approval"


async def test_a_rehearsal_that_is_refused_for_its_verdict_asks_for_a_new_one_at_once(
    wire: Wire, an_approver: Any, neighbours: Any
) -> None:
    async with an_approver() as service:
        validated = neighbours.validated(complexity="high")
        await wire.publish(validated, as_="validator")
        await wire.expect(RehearsalRequested)
        refused = ExecutionRefused(
            remediation_id=validated.remediation_id,
            sequence=0,
            causation_id="1",
            causation_digest="0" * 64,
            approval_id=ids.approval_id(validated.script.script_id, 1),
            script_id=validated.script.script_id,
            revision=1,
            reason="the key was revoked",
        )
        await wire.publish(refused, as_="executor")
        assert (await wire.expect(ScriptLapsed)).revision == 1
        assert await state_of(service, validated) == "lapsed"
        anew = neighbours.validated(validated.remediation_id, revision=2, complexity="high")
        await wire.publish(anew, as_="validator")
        assert (await wire.expect(RehearsalRequested)).script.revision == 2
    assert not wire.seen(ApprovalRequested)


async def test_a_rehearsal_that_no_one_answers_does_not_keep_approvers_from_being_asked(
    wire: Wire, an_approver: Any, neighbours: Any
) -> None:
    async with an_approver(rehearsal={"timeout_minutes": 0.001}):
        await wire.publish(neighbours.validated(complexity="high"), as_="validator")
        asked = await wire.expect(ApprovalRequested)
        assert (asked.rehearsal, asked.notify_only) == (None, False)


async def test_what_no_one_decides_expires_also_after_a_restart(
    wire: Wire, an_approver: Any, neighbours: Any
) -> None:
    quick = {"rehearsal": {"levels": []}, "expiry": {"awaiting_approval_minutes": 0.02}}
    validated = neighbours.validated(complexity="high")
    async with an_approver(**quick):
        await wire.publish(validated, as_="validator")
        await wire.expect(ApprovalRequested)
    await asyncio.sleep(1)
    async with an_approver(**quick) as service:
        denied = await wire.expect(ScriptDenied)
        assert (denied.outcome, denied.principal, denied.revision) == ("expired", None, 1)
        assert await state_of(service, validated) == "expired"


async def test_three_failures_on_a_target_end_automatic_approvals_there_and_only_there(
    wire: Wire, approver: Service, neighbours: Any
) -> None:
    for _ in range(3):
        validated = neighbours.validated()
        await wire.publish(validated, as_="validator")
        await wire.expect(ScriptApproved, remediation_id=validated.remediation_id)
        await wire.publish(neighbours.executed(validated, "rolled_back"), as_="executor")
        await until(lambda v=validated: execution_of(approver, v))
    blocked, elsewhere = neighbours.validated(), neighbours.validated(targets=("web-02",))
    await wire.publish(blocked, as_="validator")
    await wire.publish(elsewhere, as_="validator")
    await wire.expect(ScriptApproved, remediation_id=elsewhere.remediation_id)
    asked = await wire.expect(ApprovalRequested, remediation_id=blocked.remediation_id)
    assert (asked.confidence.level, asked.approvers_required, asked.notify_only) == ("MEDIUM", 1, False)
    assert "failures lately on web-01" in asked.confidence.caps[0]


async def execution_of(service: Service, validated: ScriptValidated) -> Any:
    return await service.store.collection("approval_outcomes").find_one(
        {"script_id": str(validated.script.script_id)}
    )


def published(wire: Wire) -> set[tuple[str, str]]:
    """Type and id of all that the approver published."""
    return {(each.type, each.id) for each in wire.seen() if each.source == "suture/approver"}


async def until(ask: Callable[[], Any], seconds: float = 10) -> Any:
    """What ``ask`` answers as soon as it is true."""
    async with asyncio.timeout(seconds):
        while True:
            if answer := await ask():
                return answer
            await asyncio.sleep(0.05)


async def test_it_stops_at_once_however_busily_it_watches_the_clock(wire: Wire, an_approver: Any) -> None:
    for _ in range(5):
        service = an_approver(timer=0.0005)
        await service.start()
        await asyncio.sleep(0.2)
        async with asyncio.timeout(8):
            await service.stop()
