"""Pods, Jobs and executors that die in a real cluster: one claim, no second body, nothing left over."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from suture_sandbox.kubernetes.job import claim_name, job, job_name
from suture_sandbox.kubernetes.reach import reach_of
from suture_sandbox.kubernetes.sandbox import KubernetesSandbox
from suture_sandbox.protocol import RunLost, SandboxUnavailable
from suture_sandbox.secrets import Secrets

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

BASH = """
set -eu
curl -sSf --cacert "$SUTURE_CA_FILE" -H "Authorization: Bearer $(cat "$SUTURE_TOKEN_FILE")" \\
    -H 'Content-Type: application/merge-patch+json' -X PATCH -o /dev/null \\
    -d '{"data":{"host":"db","count":"'"$(( $(date +%s%N) ))"'"}}' \\
    "$SUTURE_API/api/v1/namespaces/$SUTURE_NAMESPACE/configmaps/web"
"""

# With curl and os alone, as the smallest Pythons have little else.
PYTHON = """
import os

path = "/api/v1/namespaces/" + os.environ["SUTURE_NAMESPACE"] + "/configmaps/web"
with open(os.environ["SUTURE_TOKEN_FILE"]) as file:
    token = file.read()
command = ["curl", "-sSf", "--cacert", os.environ["SUTURE_CA_FILE"], "-X", "PATCH", "-o", "/dev/null"]
command += ["-H", "Authorization: Bearer " + token, "-H", "Content-Type: application/merge-patch+json"]
command += ["-d", '{"data": {"host": "db"}}', os.environ["SUTURE_API"] + path]
assert os.spawnvp(os.P_WAIT, "curl", command) == 0
print("wrote", path)
"""


async def start(shop, **fields: object):
    plan = shop.plan(**fields)
    await shop.sandbox.start(plan)
    return plan


async def changed(shop) -> None:
    """Until the body has written."""
    async with asyncio.timeout(60):
        while True:
            found = await shop.cluster.call("GET", shop.path("configmaps", "web"))
            if found["data"]["host"] == "db":
                return
            await asyncio.sleep(0.2)


async def test_a_bash_script_over_the_api_works_and_is_taken_back(shop) -> None:
    await shop.config("web", host="old")
    before = await shop.state(shop.path("configmaps", "web"))
    result = await shop.run(**shop.script(BASH, name="one"))
    assert (result.outcome, result.exit_code, result.detail) == ("succeeded", 0, "")
    assert (await shop.cluster.call("GET", shop.path("configmaps", "web")))["data"]["host"] == "db"
    assert (await shop.run(**shop.script(BASH, name="one"), mode="rollback")).outcome == "rolled_back"
    assert await shop.state(shop.path("configmaps", "web")) == before


async def test_a_python_script_over_the_api_works_and_is_taken_back(shop) -> None:
    await shop.config("web", host="old")
    path = shop.path("configmaps", "web")
    before = await shop.state(path)
    fields = shop.script(PYTHON, script_type="python", name="one")
    result = await shop.run(**fields)
    assert (result.outcome, result.exit_code) == ("succeeded", 0), result.output_tail
    assert "wrote /api" in result.output_tail
    assert (await shop.cluster.call("GET", path))["data"] == {"host": "db"}
    assert (await shop.run(**fields, mode="rollback")).outcome == "rolled_back"
    assert await shop.state(path) == before


async def test_a_python_script_that_fails_is_taken_back_object_for_object(shop) -> None:
    await shop.config("web", host="old")
    before = await shop.state(shop.path("configmaps", "web"))
    result = await shop.run(**shop.script(PYTHON + "raise SystemExit(3)\n", script_type="python"))
    assert (result.outcome, result.exit_code) == ("rolled_back", 3)
    assert await shop.state(shop.path("configmaps", "web")) == before


async def test_a_failing_body_is_taken_back_object_for_object(shop) -> None:
    await shop.config("web", host="old")
    before = await shop.state(shop.path("configmaps", "web"))
    result = await shop.run(**shop.script(BASH + "exit 4\n"))
    assert (result.outcome, result.exit_code) == ("rolled_back", 4)
    assert await shop.state(shop.path("configmaps", "web")) == before


async def test_a_pod_that_is_deleted_by_force_leaves_nothing(shop) -> None:
    await shop.config("web", host="old")
    before = await shop.state(shop.path("configmaps", "web"))
    plan = await start(shop, **shop.script(BASH + "sleep 60\n"))
    await changed(shop)
    pod = await shop.pod_of(plan)
    await shop.cluster.call("DELETE", shop.path("pods", pod["metadata"]["name"]), gracePeriodSeconds="0")
    result = await shop.sandbox.result(plan.run_id)
    assert result.outcome == "rolled_back"
    assert "aborted" in result.detail or "killed" in result.detail
    assert await shop.state(shop.path("configmaps", "web")) == before
    assert len(await shop.claims()) == 1


async def test_a_runner_that_lost_its_claim_dies_and_its_successor_takes_back(shop) -> None:
    await shop.config("web", host="old")
    before = await shop.state(shop.path("configmaps", "web"))
    plan = await start(shop, **shop.script(BASH + "sleep 100\n"))
    await changed(shop)
    lease = shop.path("leases", claim_name(plan), "/apis/coordination.k8s.io/v1")
    taken = {"spec": {"holderIdentity": "another runner"}}
    await shop.cluster.call("PATCH", lease, taken, "application/merge-patch+json")
    result = await shop.sandbox.result(plan.run_id)
    assert result.outcome == "rolled_back"
    assert "killed before its end" in result.detail
    assert await shop.state(shop.path("configmaps", "web")) == before
    assert len(await shop.claims()) == 1


async def test_the_run_of_a_job_that_was_deleted_is_unknown_and_never_made_again(shop) -> None:
    await shop.config("web", host="old")
    plan = await start(shop, **shop.script(BASH + "sleep 60\n"))
    await changed(shop)
    pod = await shop.pod_of(plan)
    # Without rights the runner can neither take back nor say anything.
    binding = shop.path("rolebindings", "suture-target", "/apis/rbac.authorization.k8s.io/v1")
    await shop.cluster.call("DELETE", binding)
    jobs = shop.path("jobs", "", "/apis/batch/v1")
    options = {"propagationPolicy": "Background"}
    await shop.cluster.call("DELETE", f"{jobs}/{pod['metadata']['labels']['suture.dev/run']}", options)
    with pytest.raises(RunLost, match="unknown"):
        await shop.sandbox.result(plan.run_id)
    await shop.sandbox.start(plan)
    assert (await shop.cluster.call("GET", jobs))["items"] == []
    assert len(await shop.claims()) == 1


async def test_a_job_of_the_same_name_and_other_contents_is_not_taken_for_ones_own(shop) -> None:
    await shop.config("web", host="old")
    plan = shop.plan(**shop.script(BASH))
    foreign = job(plan, job_name(plan, 0), reach_of({**shop.reach, "image": "localhost/other:1"}), "none", {})
    await shop.make("jobs", {**foreign, "spec": {**foreign["spec"], "suspend": True}}, "/apis/batch/v1")
    with pytest.raises(SandboxUnavailable, match="of other contents"):
        await shop.sandbox.start(plan)
    assert await shop.claims() == []


async def test_an_aborted_run_takes_itself_back(shop) -> None:
    await shop.config("web", host="old")
    before = await shop.state(shop.path("configmaps", "web"))
    plan = await start(shop, **shop.script(BASH + "sleep 60\n"))
    await changed(shop)
    await shop.sandbox.abort(plan.run_id)
    result = await shop.sandbox.result(plan.run_id)
    assert result.outcome == "rolled_back"
    assert "aborted" in result.detail
    assert await shop.state(shop.path("configmaps", "web")) == before


async def test_another_executor_on_the_same_state_adopts_what_runs(shop, tmp_path: Path) -> None:
    await shop.config("web", host="old")
    plan = await start(shop, **shop.script("sleep 2\n" + BASH))
    other = KubernetesSandbox(tmp_path / "state", Secrets(None))
    await other.open()
    assert other.identity() == shop.sandbox.identity()
    await other.start(plan)
    assert (await other.result(plan.run_id)).outcome == "succeeded"
    await other.close()
    assert len((await shop.cluster.call("GET", shop.path("jobs", "", "/apis/batch/v1")))["items"]) == 1
    assert len(await shop.claims()) == 1


async def test_what_is_recorded_goes_and_claim_and_snapshot_stay(shop) -> None:
    await shop.config("web", host="old")
    plan = await start(shop, **shop.script(BASH))
    result = await shop.sandbox.result(plan.run_id)
    await shop.sandbox.forget(plan.run_id)
    job = (await shop.cluster.call("GET", shop.path("jobs", "", "/apis/batch/v1")))["items"][0]
    assert job["spec"]["ttlSecondsAfterFinished"] == 300
    policies = await shop.cluster.call("GET", shop.path("networkpolicies", "", "/apis/networking.k8s.io/v1"))
    assert policies["items"] == []
    assert len(await shop.claims()) == 1
    kind, _, name = result.snapshot.split("/", 1)[1].partition("/")
    assert await shop.cluster.find(shop.path(f"{kind}s", name)) is not None


@pytest.mark.parametrize(
    ("reach", "said"),
    [
        ({"image": "localhost/none:1"}, "ErrImageNeverPull"),
        ({"image": "localhost:1/none:1", "image_pull_policy": "Always"}, "ImagePull"),
        ({"service_account": "nobody"}, "no pod could be created"),
    ],
)
async def test_a_pod_that_cannot_start_is_said_to_and_nothing_was_run(shop, reach, said: str) -> None:
    await shop.config("web", host="old")
    result = await shop.run(**shop.script(BASH), reach={**shop.reach, **reach})
    assert result.outcome == "not_applied"
    assert said in result.detail
    assert await shop.claims() == []
    assert (await shop.cluster.call("GET", shop.path("pods")))["items"] == []


async def test_a_quota_that_is_used_up_is_said(shop) -> None:
    quota = {"kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    await shop.make("resourcequotas", quota)
    await asyncio.sleep(1)
    await shop.config("web", host="old")
    result = await shop.run(**shop.script(BASH))
    assert result.outcome == "not_applied"
    assert "exceeded quota" in result.detail


async def test_a_pod_that_no_node_has_room_for_is_said(shop, deployment) -> None:
    await shop.config("web", host="old")
    for node, free in (await free_cpu(shop)).items():
        hog = deployment(f"hog-{node}"[:40].rstrip("-."))
        pod = hog["spec"]["template"]["spec"]
        pod["nodeName"] = node
        pod["containers"][0]["resources"] = {"requests": {"cpu": f"{free - 20}m"}}
        await shop.make("deployments", hog, "/apis/apps/v1")
        await shop.ready(hog["metadata"]["name"])
    result = await shop.run(**shop.script(BASH))
    assert result.outcome == "not_applied"
    assert "Unschedulable" in result.detail
    assert "Insufficient cpu" in result.detail
    assert await shop.claims() == []


async def test_an_api_server_that_is_away_for_a_while_is_waited_for(shop, distant) -> None:
    """The executor reaches it through a proxy, by a kubeconfig of the secrets folder; the proxy goes away."""
    await shop.config("web", host="old")
    plan = shop.plan(**shop.script("sleep 3\n" + BASH), secret_ref="shop")
    await distant.sandbox.start(plan)
    await distant.leave()
    waiting = asyncio.create_task(distant.sandbox.result(plan.run_id))
    await asyncio.sleep(8)
    assert not waiting.done()
    await distant.come_back()
    assert (await waiting).outcome == "succeeded"
    assert len(await shop.claims()) == 1


async def test_a_cluster_that_cannot_be_reached_starts_nothing(
    shop, kubeconfig, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("suture_sandbox.kubernetes.sandbox._PATIENCE_SECONDS", 1.0)
    kubeconfig["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "shop").write_text(json.dumps(kubeconfig))
    sandbox = KubernetesSandbox(tmp_path / "other", Secrets(tmp_path / "secrets"))
    await sandbox.open()
    with pytest.raises(SandboxUnavailable, match="does not answer"):
        await sandbox.start(shop.plan(**shop.script(BASH), secret_ref="shop"))
    await sandbox.close()


async def free_cpu(shop) -> dict[str, int]:
    """Thousandths of a processor that nobody has asked for, by node."""
    nodes = (await shop.cluster.call("GET", "/api/v1/nodes"))["items"]
    free = {node["metadata"]["name"]: thousandths(node["status"]["allocatable"]["cpu"]) for node in nodes}
    for pod in (await shop.cluster.call("GET", "/api/v1/pods"))["items"]:
        if pod["status"].get("phase") in ("Pending", "Running") and pod["spec"].get("nodeName") in free:
            for container in pod["spec"]["containers"]:
                asked = (container.get("resources") or {}).get("requests") or {}
                free[pod["spec"]["nodeName"]] -= thousandths(asked.get("cpu", "0"))
    return free


def thousandths(quantity: str) -> int:
    return int(quantity[:-1]) if quantity.endswith("m") else int(float(quantity) * 1000)
