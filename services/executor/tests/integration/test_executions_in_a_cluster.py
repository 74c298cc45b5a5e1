"""Approved scripts on a real cluster, from the approval's event to the signed result."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest
from suture_contracts.commands import CheckTarget
from suture_contracts.events import ExecutionCompleted, RehearsalCompleted

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def manifest(kind: str = "ConfigMap", **data: str) -> str:
    metadata = {"name": "web", "annotations": {"suture.dev/takes-over": "a-person"}}
    return json.dumps({"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": data})


async def registered(world, shop) -> None:
    reply = await world.register(
        "shop", kind="kubernetes", reach=shop.reach, allowed_types=("kubernetes", "bash")
    )
    assert reply.status == 201


def document(world, body: str, **fields: object):
    fields = {"verify": "", "writes": (), "script_type": "kubernetes", "targets": ("shop",), **fields}
    return world.document(body, **fields)


async def test_an_approved_manifest_is_applied_and_taken_back_on_order(world, executor, shop) -> None:
    await registered(world, shop)
    await shop.config("web", host="old")
    path = shop.path("configmaps", "web")
    before = await shop.state(path)
    approved = world.approved(document(world, manifest(host="db")))
    done = await world.run(approved)
    assert (done.outcome, done.runner) == ("succeeded", "kubernetes")
    assert (await shop.cluster.call("GET", path))["data"] == {"host": "db"}
    order = world.rollback(approved, expected_state={"shop": done.runs[0].after})
    await world.wire.publish(order, as_="approver")
    back = await world.wire.expect(ExecutionCompleted, remediation_id=approved.remediation_id, timeout=60)
    assert back.outcome == "rolled_back"
    assert await shop.state(path) == before


async def test_a_rehearsal_says_rights_and_difference(world, executor, shop) -> None:
    await registered(world, shop)
    await shop.config("web", host="old")
    rehearsal = world.rehearsal(document(world, manifest(host="db")))
    await world.wire.publish(rehearsal, as_="approver")
    found = await world.wire.expect(RehearsalCompleted, remediation_id=rehearsal.remediation_id, timeout=60)
    assert (found.outcome, found.missing) == ("passed", ())
    assert "patch configmaps web" in found.rights
    assert '+  "host": "db"' in found.diff


async def test_missing_rights_fail_the_rehearsal_by_name(world, executor, shop) -> None:
    await registered(world, shop)
    body = json.dumps(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "web"},
            "spec": {"schedule": "@daily"},
        }
    )
    rehearsal = world.rehearsal(document(world, body))
    await world.wire.publish(rehearsal, as_="approver")
    found = await world.wire.expect(RehearsalCompleted, remediation_id=rehearsal.remediation_id, timeout=60)
    assert found.outcome == "failed"
    assert "create cronjobs.batch" in found.missing


async def test_a_check_says_what_the_account_may(world, executor, shop) -> None:
    await registered(world, shop)
    found = (await world.ask(CheckTarget, target_id="shop")).body
    assert (found["reachable"], found["missing"]) == (True, [])
    binding = shop.path("rolebindings", "suture-target", "/apis/rbac.authorization.k8s.io/v1")
    await shop.cluster.call("DELETE", binding)
    lacking = (await world.ask(CheckTarget, target_id="shop")).body
    assert "create leases.coordination.k8s.io" in lacking["missing"]


async def test_an_executor_that_was_restarted_adopts_what_runs(world, build_executor, shop) -> None:
    await shop.config("web", host="old")
    write = shop.path("configmaps", "web")
    body = (
        'sleep 4; curl -sSf --cacert "$SUTURE_CA_FILE" -X PATCH -o /dev/null'
        ' -H "Authorization: Bearer $(cat "$SUTURE_TOKEN_FILE")"'
        ' -H \'Content-Type: application/merge-patch+json\' -d \'{"data":{"host":"db"}}\''
        f' "$SUTURE_API{write}"'
    )
    approved = world.approved(document(world, body, script_type="bash", writes=(write,)))
    async with build_executor():
        await registered(world, shop)
        await world.wire.publish(approved, as_="approver")
        await shop.pod_of(None)
    async with build_executor():
        done = await world.wire.expect(ExecutionCompleted, remediation_id=approved.remediation_id, timeout=90)
    assert done.outcome == "succeeded", done.runs[0].detail
    assert len(await shop.claims()) == 1


COUNTED = """
set -eu
call() {
    local header="Authorization: Bearer $(cat "$SUTURE_TOKEN_FILE")"
    curl -sSf --cacert "$SUTURE_CA_FILE" -H "$header" -o /dev/null "$@"
}
maps=$SUTURE_API/api/v1/namespaces/$SUTURE_NAMESPACE/configmaps
call -H 'Content-Type: application/json' -d '{"metadata":{"generateName":"ran-@ITEM@-"}}' "$maps"
sleep 1
call -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"data":{"host":"db"}}' "$maps/@ITEM@"
"""


async def test_executors_killed_again_and_again_leave_one_run_each(
    world, spawn, shop, record_property
) -> None:
    """Nine deaths by SIGKILL while eight runs are at different steps."""
    process, pending, deaths = spawn(), [], 9
    names = [f"web-{number}" for number in range(8)]
    for name in names:
        await shop.config(name, host="old")
        await world.registers(name, kind="kubernetes", reach=shop.reach, allowed_types=("bash",))
    for number in range(max(len(names), deaths)):
        if number < len(names):
            name = names[number]
            fields = {"writes": (shop.path("configmaps", name),), "targets": (name,), "script_type": "bash"}
            pending.append(world.approved(document(world, COUNTED.replace("@ITEM@", name), **fields)))
            await world.wire.publish(pending[-1], as_="approver")
        # From before it has read the message until after it has started a Job.
        await asyncio.sleep(1.5 + 0.5 * number)
        process.end()
        process = spawn()
    outcomes = [
        (await world.wire.expect(ExecutionCompleted, remediation_id=one.remediation_id, timeout=90)).outcome
        for one in pending
    ]
    maps = (await shop.cluster.call("GET", shop.path("configmaps")))["items"]
    bodies = Counter(one["metadata"]["generateName"] for one in maps if "generateName" in one["metadata"])
    claims, ends = await shop.claims(), dict(Counter(outcomes))
    counts = f"{len(claims)} claims, {bodies.total()} bodies, {ends}"
    record_property("counted", f"executor killed {deaths} times, {len(names)} runs in a cluster: {counts}")
    assert set(outcomes) == {"succeeded"}
    assert list(bodies.values()) == [1] * len(names)
    assert len(claims) == len(names)
