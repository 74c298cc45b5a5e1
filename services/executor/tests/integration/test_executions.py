"""Approval in; a verified, signed execution out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from suture_chassis.custody import unseal
from suture_contracts import ids
from suture_contracts.base import Principal
from suture_contracts.commands import Execute, ReportResult, Resume, Stop
from suture_contracts.custody import EXECUTION, Attestation
from suture_contracts.events import ExecutionCompleted, ExecutionStarted, RehearsalCompleted
from suture_executor.domain import runs_digest
from suture_testkit.waiting import eventually

ALERTS = (Path(__file__).resolve().parents[4] / "deploy/prometheus/alerts.yml").read_text()


async def test_an_approved_script_runs_and_its_result_is_attested(world, executor) -> None:
    approved = world.approved(world.document())
    done = await world.run(approved)
    assert (done.outcome, done.mode, done.runner) == ("succeeded", "apply", "bubblewrap")
    assert world.config.read_text() == "host=db.internal\n"
    assert "bubblewrap" in done.runs[0].isolation
    proof = unseal(
        done.attestation,
        world.trust.store,
        signed_by="executor",
        subject_sha256=approved.script.sha256,
        predicate_type=EXECUTION,
        model=Attestation,
    )
    assert proof.runs_sha256 == runs_digest(done.runs)
    started = await world.wire.expect(ExecutionStarted)
    assert started.execution_id == done.execution_id == ids.execution_id(approved.approval_id)


async def test_a_failing_verification_is_rolled_back(world, executor) -> None:
    done = await world.run(world.approved(world.document(verify="false")))
    assert done.outcome == "rolled_back"
    assert not world.config.exists()


async def test_the_same_approval_twice_is_one_run(world, executor) -> None:
    approved = world.approved(
        world.document("date +%s%N >> {0}; echo host= >> {0}".format(world.root / "log"))
    )
    document = world.document(
        f"echo host= >> {world.root}/log",
        writes=(f"{world.root}/log",),
        verify=f"grep -q host= {world.root}/log",
    )
    approved = world.approved(document)
    await world.wire.publish(approved, as_="approver", id="same", source="suture/approver")
    await world.wire.publish(approved, as_="approver", id="same", source="suture/approver")
    await world.completed(approved)
    await world.wire.publish(approved, as_="approver", id="another", source="suture/approver")
    second = world.approved(document)
    assert (await world.run(second)).outcome == "already_remediated"
    assert (world.root / "log").read_text() == "host=\n"
    letters = await world.wire.dead_letters()
    assert [letter.id for letter in letters] == ["another"]
    events = world.wire.seen(ExecutionCompleted, approved.remediation_id)
    assert len({event.id for event in events}) == 1


async def test_a_rollback_order_restores_what_was(world, executor) -> None:
    approved = world.approved(world.document())
    done = await world.run(approved)
    order = world.rollback(approved, expected_state={"app": done.runs[0].after})
    await world.wire.publish(order, as_="approver")
    back = await world.completed(approved)
    assert (back.mode, back.outcome) == ("rollback", "rolled_back")
    assert not world.config.parent.exists()


async def test_an_order_about_another_state_is_refused(world, executor) -> None:
    approved = world.approved(world.document())
    await world.run(approved)
    await world.wire.publish(world.rollback(approved, expected_state={"app": {"/x": "y"}}), as_="approver")
    again = world.approved(world.document())
    await world.run(again)
    assert len(await world.wire.dead_letters()) == 1
    assert world.config.exists()


async def test_a_rehearsal_shows_the_difference_and_changes_nothing(world, executor) -> None:
    await world.wire.publish(world.rehearsal(world.document()), as_="approver")
    done = await world.wire.expect(RehearsalCompleted)
    assert done.outcome == "passed"
    assert "+host=db.internal" in done.diff
    assert done.rights == (f"write {world.config}",)
    assert not world.config.exists()


async def test_what_changed_since_the_rehearsal_is_named_and_left_alone(world, executor) -> None:
    world.config.parent.mkdir()
    world.config.write_text("broken\n")
    document = world.document()
    await world.wire.publish(world.rehearsal(document), as_="approver")
    seen = (await world.wire.expect(RehearsalCompleted)).seen
    assert list(seen["app"]) == [str(world.config)]
    world.config.write_text("mended by hand, otherwise\n")
    done = await world.run(world.approved(document, approval={"expected": seen}))
    assert (done.outcome, done.runs[0].exit_code) == ("not_applied", None)
    assert f"not as it was when the change was approved: {world.config}" in done.runs[0].detail
    assert world.config.read_text() == "mended by hand, otherwise\n"
    world.config.write_text("broken\n")
    again = await world.run(world.approved(document, approval={"expected": seen}))
    assert again.outcome == "succeeded"


async def test_a_rehearsal_on_an_unknown_target_is_unavailable(world, executor) -> None:
    await world.wire.publish(world.rehearsal(world.document(targets=("nowhere",))), as_="approver")
    done = await world.wire.expect(RehearsalCompleted)
    assert (done.outcome, done.missing) == ("unavailable", ("target nowhere is not registered",))


async def test_what_starts_on_request_waits_for_it(world, executor) -> None:
    approved = world.approved(world.document(), start="on_request")
    await world.wire.publish(approved, as_="approver")
    other = await world.run(world.approved(world.document(verify="false")))
    assert other.outcome == "rolled_back"
    assert not world.config.exists()
    reply = await world.ask(Execute, script_id=approved.script.script_id)
    assert (reply.status, reply.body["execution_id"]) == (202, str(ids.execution_id(approved.approval_id)))
    assert (await world.completed(approved)).outcome == "succeeded"


async def test_a_start_that_was_asked_for_before_the_approval_counts(world, executor) -> None:
    approved = world.approved(world.document(), start="on_request")
    reply = await world.ask(Execute, script_id=approved.script.script_id)
    assert reply.body["state"] == "awaiting_approval"
    assert (await world.run(approved)).outcome == "succeeded"


async def test_an_agent_starts_only_on_its_own_targets(world, executor) -> None:
    approved = world.approved(world.document(), start="on_request")
    await world.wire.publish(approved, as_="approver")
    await world.run(world.approved(world.document(verify="false")))
    agent = Principal(id="agent-1", role="agent")
    reply = await world.ask(Execute, agent, script_id=approved.script.script_id)
    assert reply.status == 403
    assert not world.config.exists()


async def test_several_targets_are_all_taken_back_when_one_fails(world, executor, tmp_path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    await world.register("second", second)
    # The second target's root does not hold the declared path, so that its run is refused.
    done = await world.run(world.approved(world.document(targets=("app", "second"))))
    assert done.outcome == "rolled_back"
    assert [run.outcome for run in done.runs] == ["rolled_back", "not_applied"]
    assert not world.config.exists()


async def test_a_paused_target_runs_nothing_until_it_is_resumed(world, executor) -> None:
    assert (await world.ask(Stop, target_id="app")).status == 200
    approved = world.approved(world.document())
    await world.wire.publish(approved, as_="approver")
    await world.wire.publish(world.rehearsal(world.document(targets=("nowhere",))), as_="approver")
    await world.wire.expect(RehearsalCompleted)
    assert not world.wire.seen(ExecutionStarted)
    assert (await world.ask(Resume, target_id="app")).status == 200
    assert (await world.completed(approved)).outcome == "succeeded"


async def test_an_abort_kills_the_body_and_takes_it_back(world, executor) -> None:
    approved = world.approved(
        world.document(f"mkdir -p {world.config.parent}; echo x > {world.config}; sleep 60")
    )
    await world.wire.publish(approved, as_="approver")
    await world.wire.expect(ExecutionStarted)
    assert (await world.ask(Stop, mode="abort")).status == 200
    done = await world.completed(approved)
    assert done.outcome in ("rolled_back", "not_applied")
    assert "aborted" in done.runs[0].detail
    assert done.runs[0].seconds < 15
    assert not world.config.exists()


async def test_an_approval_that_expires_while_it_waits_runs_nothing(world, executor) -> None:
    soon = {"not_after": datetime.now(UTC) + timedelta(seconds=1)}
    done = await world.run(world.approved(world.document(), start="on_request", approval=soon))
    assert (done.outcome, done.runner) == ("not_applied", "none")
    assert "expired" in done.runs[0].detail


async def test_an_agents_report_is_kept_and_proves_nothing(world, executor) -> None:
    approved = world.approved(world.document(), start="on_request")
    reply = await world.ask(
        ReportResult, script_id=approved.script.script_id, status="SUCCESS", output="done"
    )
    assert reply.status == 200
    assert not world.wire.seen(ExecutionCompleted)
    reports = executor.store.collection("agent_reports")
    stored = await reports.find_one({"script_id": str(approved.script.script_id)})
    assert stored["report"]["output"] == "done"


async def test_the_reload_that_a_target_registered_follows_the_change_and_its_rollback(
    world, executor, tmp_path
) -> None:
    hook = {"path": str(world.root), "command": ["cp", str(world.config), str(tmp_path / "read")]}
    reach = {"root": str(world.root), "reload": [hook]}
    world.config.parent.mkdir()
    world.config.write_text("broken\n")
    assert (await world.register("app", reach=reach)).status == 200
    approved = world.approved(world.document())
    assert (await world.run(approved)).outcome == "succeeded"
    assert (tmp_path / "read").read_text() == "host=db.internal\n"
    await world.wire.publish(world.rollback(approved), as_="approver")
    assert (await world.completed(approved)).outcome == "rolled_back"
    assert (tmp_path / "read").read_text() == "broken\n"


async def test_a_rollback_that_fails_keeps_the_snapshot_says_how_and_alerts(world, executor) -> None:
    world.config.parent.mkdir()
    world.config.write_text("broken\n")
    approved = world.approved(world.document())
    assert (await world.run(approved)).outcome == "succeeded"
    world.config.write_text("by hand\n")
    await world.wire.publish(world.rollback(approved), as_="approver")
    done = await world.completed(approved)
    run = done.runs[0]
    assert (done.mode, done.outcome) == ("rollback", "rollback_failed")
    assert "changed by someone else since" in run.detail
    assert (Path(run.snapshot) / "snapshot" / "index.json").exists()
    assert run.snapshot in run.undo
    assert world.config.read_text() == "by hand\n"
    counted = b'suture_executions_ended_total{mode="rollback",outcome="rollback_failed"} 1.0'
    await eventually(lambda: counted in executor.metrics.render())
    assert 'suture_executions_ended_total{outcome=~"rollback_failed|unknown"}' in ALERTS
