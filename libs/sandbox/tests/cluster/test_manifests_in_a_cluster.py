"""Manifests on a real API server and kubelet: applied, verified, taken back."""

from __future__ import annotations

import asyncio
import json

import pytest
from suture_contracts.script import Limits

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def config(name: str, annotations: dict[str, str] | None = None, **data: str) -> str:
    metadata = {"name": name, **({"annotations": annotations} if annotations else {})}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


async def test_a_missing_object_is_created_and_goes_on_rollback(shop) -> None:
    path = shop.path("configmaps", "web")
    result = await shop.run(config("web", host="db"), name="one")
    assert (result.outcome, result.detail) == ("succeeded", "")
    assert (await shop.cluster.call("GET", path))["data"] == {"host": "db"}
    assert result.before == {"ConfigMap/web": "absent"}
    assert '+  "host": "db"' in result.diff
    back = await shop.run(config("web", host="db"), name="one", mode="rollback")
    assert back.outcome == "rolled_back"
    assert await shop.cluster.find(path) is None


async def test_what_is_so_already_is_left_alone(shop) -> None:
    await shop.config("web", host="db")
    result = await shop.run(config("web", host="db"))
    assert result.outcome == "already_remediated"


async def test_a_field_of_another_manager_is_shown_and_not_forced(shop) -> None:
    await shop.config("web", host="old")
    before = await shop.state(shop.path("configmaps", "web"))
    result = await shop.run(config("web", host="db"))
    assert result.outcome == "not_applied"
    assert "a-person" in result.detail
    assert ".data.host" in result.detail
    assert await shop.state(shop.path("configmaps", "web")) == before


async def test_a_field_whose_manager_the_manifest_names_is_taken_and_given_back(shop) -> None:
    await shop.config("web", host="old", port="5432")
    path = shop.path("configmaps", "web")
    before = await shop.state(path)
    body = config("web", {"suture.dev/takes-over": "a-person"}, host="db")
    result = await shop.run(body, name="two")
    assert (result.outcome, result.detail) == ("succeeded", "")
    assert (await shop.cluster.call("GET", path))["data"] == {"host": "db", "port": "5432"}
    assert (await shop.run(body, name="two", mode="rollback")).outcome == "rolled_back"
    assert await shop.state(path) == before


async def test_a_failed_verification_takes_all_objects_back(shop) -> None:
    await shop.config("web", host="old")
    paths = (shop.path("configmaps", "web"), shop.path("configmaps", "extra"))
    before = await shop.state(*paths)
    web = config("web", {"suture.dev/takes-over": "a-person"}, host="db")
    body = web + "\n---\n" + config("extra", a="1")
    result = await shop.run(body, verify="#!/bin/bash\necho looked; exit 1\n")
    assert result.outcome == "rolled_back"
    assert "verification failed" in result.detail
    assert "looked" in result.output_tail
    assert await shop.state(*paths) == before


async def test_a_rollback_restores_only_what_is_still_as_the_run_left_it(shop) -> None:
    body = config("web", host="db")
    assert (await shop.run(body, name="three")).outcome == "succeeded"
    path = shop.path("configmaps", "web")
    edit = {"data": {"host": "by hand"}}
    await shop.cluster.call("PATCH", path, edit, "application/merge-patch+json")
    # What the run created is known by its mark, so a created object is edited back by nobody but its editor.
    await shop.cluster.call(
        "PATCH", path, {"metadata": {"annotations": None}}, "application/merge-patch+json"
    )
    result = await shop.run(body, name="three", mode="rollback")
    assert result.outcome == "rollback_failed"
    assert "ConfigMap/web" in result.detail
    assert (await shop.cluster.call("GET", path))["data"] == {"host": "by hand"}


async def test_a_rehearsal_is_the_servers_dry_run(shop) -> None:
    await shop.config("web", host="old")
    before = await shop.state(shop.path("configmaps", "web"))
    body = config("web", {"suture.dev/takes-over": "a-person"}, host="db")
    result = await shop.run(body, mode="rehearse")
    assert (result.outcome, result.missing) == ("succeeded", ())
    assert '-  "host": "old"' in result.diff
    assert "patch configmaps web" in result.rights
    assert await shop.state(shop.path("configmaps", "web")) == before
    assert await shop.claims() == []


async def test_an_object_that_changed_since_the_rehearsal_stops_the_run(shop) -> None:
    path = shop.path("configmaps", "web")
    seen = (await shop.run(config("web", host="db"), mode="rehearse", name="seen")).seen
    assert seen == {"ConfigMap/web": "absent"}
    await shop.config("web", port="5432")
    before = await shop.state(path)
    result = await shop.run(config("web", host="db"), name="drifted", expected=seen)
    assert result.outcome == "not_applied"
    assert "not as it was when the change was approved: ConfigMap/web" in result.detail
    assert await shop.state(path) == before


async def test_missing_rights_are_said_before_anything_runs(shop) -> None:
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web"},
        "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
    }
    result = await shop.run(json.dumps(ingress), mode="rehearse")
    assert result.outcome == "not_applied"
    assert "create ingresses.networking.k8s.io" in result.missing
    assert "get leases.coordination.k8s.io" in result.rights


async def test_a_broken_image_is_fixed_and_seen_healthy(shop, deployment) -> None:

    await shop.make("deployments", deployment("web", image="localhost/none:1"), "/apis/apps/v1")
    path = shop.path("deployments", "web", "/apis/apps/v1")
    before = await shop.state(path)
    wanted = deployment("web")
    wanted["metadata"]["annotations"] = {"suture.dev/takes-over": "a-person"}
    result = await shop.run(json.dumps(wanted), name="four")
    assert (result.outcome, result.detail) == ("succeeded", "")
    status = (await shop.cluster.call("GET", path))["status"]
    assert status["availableReplicas"] == 1
    assert (await shop.run(json.dumps(wanted), name="four", mode="rollback")).outcome == "rolled_back"
    assert await shop.state(path) == before


async def test_a_rollout_that_does_not_get_healthy_is_taken_back(shop, deployment) -> None:
    await shop.deployment("web")
    await shop.ready("web")
    path = shop.path("deployments", "web", "/apis/apps/v1")
    before = await shop.state(path)
    broken = deployment("web", image="localhost/none:1")
    broken["metadata"]["annotations"] = {"suture.dev/takes-over": "a-person"}
    result = await shop.run(json.dumps(broken), limits=Limits(timeout_seconds=8))
    assert result.outcome == "rolled_back"
    assert "not healthy in time" in result.detail
    assert "ErrImageNeverPull" in result.detail
    assert await shop.state(path) == before


async def test_a_rollout_that_is_healthy_only_for_a_moment_is_taken_back(shop, deployment) -> None:
    await shop.make("deployments", deployment("web", image="localhost/none:1"), "/apis/apps/v1")
    path = shop.path("deployments", "web", "/apis/apps/v1")
    before = await shop.state(path)
    flapping = deployment("web", command="sleep 2; exit 1")
    flapping["metadata"]["annotations"] = {"suture.dev/takes-over": "a-person"}
    reach = {**shop.reach, "healthy_seconds": 6}
    result = await shop.run(json.dumps(flapping), limits=Limits(timeout_seconds=12), reach=reach)
    assert result.outcome == "rolled_back"
    assert "not healthy in time" in result.detail
    assert await shop.state(path) == before


async def test_what_manifests_expect_may_take_its_time(shop, deployment) -> None:
    waiting = deployment("web")
    container = waiting["spec"]["template"]["spec"]["containers"][0]
    container["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    await shop.make("deployments", waiting, "/apis/apps/v1")
    expectation = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "status": {"conditions": [{"type": "Available", "status": "True"}]},
    }
    result = await shop.run(config("settings", host="db"), verify=json.dumps(expectation))
    assert (result.outcome, result.detail) == ("succeeded", "")


async def test_a_rollout_is_not_judged_by_the_deadline_of_the_one_before(shop, deployment) -> None:
    stuck = deployment("web", image="localhost/none:1")
    stuck["spec"]["progressDeadlineSeconds"] = 2
    await shop.make("deployments", stuck, "/apis/apps/v1")
    path = shop.path("deployments", "web", "/apis/apps/v1")
    for _ in range(100):
        if late := "ProgressDeadlineExceeded" in json.dumps(await shop.cluster.call("GET", path)):
            break
        await asyncio.sleep(0.3)
    assert late
    wanted = deployment("web")
    wanted["spec"]["progressDeadlineSeconds"] = 60
    wanted["metadata"]["annotations"] = {"suture.dev/takes-over": "a-person"}
    result = await shop.run(json.dumps(wanted))
    assert (result.outcome, result.detail) == ("succeeded", "")
