"""What does not run, and who is told why."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from suture_chassis.custody import TrustStore
from suture_contracts import ids
from suture_contracts.base import Principal
from suture_contracts.commands import CheckTarget, ListTargets, RegisterTarget, RemoveTarget
from suture_contracts.events import (
    ExecutionCompleted,
    ExecutionRefused,
    RehearsalCompleted,
    TargetRegistered,
    TargetRemoved,
    TargetUpdated,
)
from suture_contracts.target import Target

AGENT = Principal(id="agent-1", role="agent")


def exists(path: str) -> bool:
    return Path(path).exists()


async def refused(world, approved, as_: str = "approver") -> str:
    """Publish it, then a good one behind it; what was dead-lettered, and nothing of it ran."""
    await world.wire.publish(approved, as_=as_)
    await world.run(world.approved(world.document(verify="false")))
    letters = await world.wire.dead_letters()
    assert len(letters) == 1
    assert not world.config.exists()
    return str(letters[0].headers)


async def test_a_verdict_by_another_key_is_refused(world, executor) -> None:
    headers = await refused(world, world.approved(world.document(), verdict_by="generator"))
    assert "signatures" in headers


async def test_a_verdict_whose_key_was_revoked_is_told_to_the_approver_and_does_not_run(
    world, executor
) -> None:
    approved = world.approved(world.document())
    TrustStore.revoke(world.trust.file, world.trust.signer("validator").keyid)
    await asyncio.sleep(1.1)
    await world.wire.publish(approved, as_="approver")
    refused = await world.wire.expect(ExecutionRefused)
    assert (refused.approval_id, refused.revision) == (approved.approval_id, 1)
    assert "of validator is revoked" in refused.reason
    assert not world.wire.seen(ExecutionCompleted)
    assert not world.config.exists()
    assert await world.wire.dead_letters() == []


async def test_a_rehearsal_whose_verdicts_key_was_revoked_is_told_to_the_approver_at_once(
    world, executor
) -> None:
    rehearsal = world.rehearsal(world.document())
    TrustStore.revoke(world.trust.file, world.trust.signer("validator").keyid)
    await asyncio.sleep(1.1)
    for _ in range(2):
        await world.wire.publish(rehearsal, as_="approver", id="rehearsal")
    refused = await world.wire.expect(ExecutionRefused)
    assert refused.approval_id == ids.approval_id(rehearsal.script.script_id, 1)
    assert "of validator is revoked" in refused.reason
    assert not world.wire.seen(RehearsalCompleted)
    assert await world.wire.dead_letters() == []


async def test_an_approval_by_another_key_is_refused(world, executor) -> None:
    await refused(world, world.approved(world.document(), approval_by="gateway"))


async def test_an_event_that_the_approver_did_not_sign_is_refused(world, executor) -> None:
    await refused(world, world.approved(world.document()), as_="generator")


async def test_an_unsigned_event_is_refused(world, executor) -> None:
    await refused(world, world.approved(world.document()), as_=None)


async def test_other_bytes_than_the_signed_ones_are_refused(world, executor) -> None:
    other = world.document(f"mkdir {world.config.parent}; echo host=evil > {world.config}")
    assert "subject" in await refused(world, world.approved(world.document(), other_bytes=other))


async def test_a_verdict_that_says_invalid_is_refused(world, executor) -> None:
    headers = await refused(world, world.approved(world.document(), verdict={"is_valid": False}))
    assert "verdict.is_valid" in headers


async def test_an_approval_for_other_targets_is_refused(world, executor) -> None:
    headers = await refused(world, world.approved(world.document(), approval={"targets": ("other",)}))
    assert "approval.targets" in headers


async def test_an_approval_of_another_script_is_refused(world, executor) -> None:
    headers = await refused(world, world.approved(world.document(), approval={"script_id": uuid4()}))
    assert "approval.script_id" in headers


async def test_an_expired_approval_is_refused_and_the_remediation_ends(world, executor) -> None:
    past = {"not_after": datetime.now(UTC) - timedelta(seconds=1)}
    approved = world.approved(world.document(), approval=past)
    assert "approval.not_after" in await refused(world, approved)
    done = await world.completed(approved)
    assert done.outcome == "not_applied"


async def test_an_unknown_target_is_not_applied(world, executor) -> None:
    done = await world.run(world.approved(world.document(targets=("nowhere",))))
    assert (done.outcome, done.runs[0].detail) == ("not_applied", "target nowhere is not registered")


async def test_a_target_that_does_not_take_the_type_is_not_applied(world, executor) -> None:
    await world.register(allowed_types=("python",))
    done = await world.run(world.approved(world.document()))
    assert done.runs[0].detail == "target app does not take bash scripts"


@pytest.mark.parametrize("path", ["/etc/suture-test.conf", "/tmp/suture-outside.conf"])
async def test_a_path_outside_the_root_is_not_applied(world, executor, path: str) -> None:
    done = await world.run(world.approved(world.document(f"echo x > {path}", writes=(path,))))
    assert done.outcome == "not_applied"
    assert "not below the target's root" in done.runs[0].detail
    assert not exists(path)


async def test_a_path_through_a_link_out_of_the_root_is_not_applied(world, executor, tmp_path) -> None:
    (tmp_path / "elsewhere").mkdir()
    world.config.parent.symlink_to(tmp_path / "elsewhere")
    done = await world.run(world.approved(world.document()))
    assert done.outcome == "not_applied"
    assert "symbolic link" in done.runs[0].detail
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize(
    "folder", ["/", "/etc", "/usr/bin", "/home", "relative", "/a/../etc", "/does/not/exist"]
)
async def test_a_root_that_is_not_an_applications_folder_is_refused(world, executor, folder: str) -> None:
    reply = await world.register("bad", reach={"root": folder})
    assert reply.status == 422
    assert reply.problem.field == "target.reach.root"


@pytest.mark.parametrize(
    ("reach", "field"),
    [
        ({"namespace": "shop", "service_account": "suture-target"}, "target.reach.image"),
        ({"namespace": "Shop", "service_account": "a", "image": "b"}, "target.reach.namespace"),
        ({"namespace": "kube-system", "service_account": "a", "image": "b"}, "target.reach.namespace"),
        ({"namespace": "shop", "service_account": "a", "image": "b", "token": "c"}, "target.reach.token"),
    ],
)
async def test_a_cluster_s_reach_is_checked_when_it_is_registered(world, executor, reach, field) -> None:
    reply = await world.register("shop", kind="kubernetes", reach=reach)
    assert (reply.status, reply.problem.field) == (422, field)


async def test_a_check_says_what_can_be_reached(world, executor, root: Path) -> None:
    found = await world.ask(CheckTarget, target_id="app")
    assert (found.body["reachable"], found.body["missing"]) == (True, [])
    assert "bubblewrap" in found.body["isolation"]
    await asyncio.to_thread(shutil.rmtree, root)
    assert str(root) in (await world.ask(CheckTarget, target_id="app")).body["detail"]
    assert (await world.ask(CheckTarget, target_id="unheard-of")).status == 404
    assert (await world.ask(CheckTarget, AGENT, target_id="app")).status == 403


async def test_a_check_of_a_cluster_without_its_kubeconfig_says_so(world, executor) -> None:
    reach = {"namespace": "shop", "service_account": "suture-target", "image": "script:1"}
    await world.register("shop", kind="kubernetes", reach=reach, secret_ref="kubeconfig")
    found = await world.ask(CheckTarget, target_id="shop")
    assert found.body["reachable"] is False
    assert "SUTURE_EXECUTOR_SECRETS_DIR" in found.body["detail"]


async def test_suture_s_own_state_is_never_a_target(world, executor, tmp_path) -> None:
    assert (await world.register("bad", tmp_path / "state" / "claims")).status == 422


async def test_an_agent_registers_its_own_local_targets_only(world, executor, tmp_path) -> None:
    reach = {"root": str(tmp_path)}
    own = Target(id="own", kind="local", owner="agent-1", reach=reach)
    assert (await world.ask(RegisterTarget, AGENT, target=own)).status == 201
    foreign = own.model_copy(update={"id": "foreign", "owner": "admin"})
    assert (await world.ask(RegisterTarget, AGENT, target=foreign)).status == 403
    taken = own.model_copy(update={"id": "app"})
    assert (await world.ask(RegisterTarget, AGENT, target=taken)).status == 403
    cluster = own.model_copy(update={"id": "cluster", "kind": "kubernetes"})
    assert (await world.ask(RegisterTarget, AGENT, target=cluster)).status == 403
    assert (await world.ask(RemoveTarget, AGENT, target_id="app")).status == 403
    listed = await world.ask(ListTargets, AGENT)
    assert [entry["target"]["id"] for entry in listed.body["targets"]] == ["own"]


async def test_a_target_s_revisions_are_announced(world, executor) -> None:
    assert (await world.wire.expect(TargetRegistered)).revision == 1
    assert (await world.register()).body["revision"] == 1
    changed = await world.register(facts={"health_url": "http://127.0.0.1:1/"})
    assert (changed.status, changed.body["revision"]) == (200, 2)
    assert (await world.wire.expect(TargetUpdated)).target.facts["health_url"] == "http://127.0.0.1:1/"
    assert (await world.ask(RemoveTarget, target_id="app")).status == 200
    assert (await world.wire.expect(TargetRemoved)).revision == 3
    again = await world.register()
    assert (again.status, again.body["revision"]) == (201, 4)
    assert (await world.ask(RemoveTarget, target_id="unheard-of")).status == 404


async def test_a_rollback_that_the_approver_did_not_sign_is_refused(world, executor) -> None:
    approved = world.approved(world.document())
    assert (await world.run(approved)).outcome == "succeeded"
    await world.wire.publish(world.rollback(approved, signed_by="gateway"), as_="approver")
    await world.run(world.approved(world.document()))
    assert len(await world.wire.dead_letters()) == 1
    assert world.config.exists()


@pytest.mark.parametrize(
    ("kind", "reach"),
    [
        ("local", {"reload": [{"path": "/srv/app", "command": ["sh", "-c", "id"]}]}),
        ("host", {"sandbox": "none"}),
        ("host", {"environment": {"BASH_ENV": "/tmp/x"}}),
    ],
)
async def test_an_agent_may_not_say_what_runs_outside_the_sandbox(world, executor, kind, reach) -> None:
    reach = {"root": str(world.root), **reach}
    target = Target(id="mine", kind=kind, owner="agent-1", reach=reach)
    reply = await world.ask(RegisterTarget, AGENT, target=target)
    assert (reply.status, reply.problem.field) == (403, "target.reach")
    assert "ask an operator" in reply.problem.remedy


@pytest.mark.parametrize(
    ("hook", "field"),
    [
        ({"path": "relative", "command": ["true"]}, "target.reach.reload.0.path"),
        ({"path": "/srv/app", "command": "nginx -s reload"}, "target.reach.reload.0.command"),
        ({"path": "/srv/app", "command": []}, "target.reach.reload.0.command"),
        ({"path": "/srv/app", "command": ["true"], "shell": True}, "target.reach.reload.0.shell"),
    ],
)
async def test_a_reload_that_cannot_be_read_is_refused_by_its_field(world, executor, hook, field) -> None:
    reply = await world.register("hooked", reach={"root": str(world.root), "reload": [hook]})
    assert (reply.status, reply.problem.field) == (422, field)
