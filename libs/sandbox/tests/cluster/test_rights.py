"""What deploy/kubernetes gives is enough for a run, and no more than it says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from suture_contracts.target import Target
from suture_sandbox.kubernetes.cluster import Cluster, Refused
from suture_sandbox.kubernetes.sandbox import KubernetesSandbox
from suture_sandbox.secrets import Secrets

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(200)]

MANIFEST = Path(__file__).resolve().parents[4] / "deploy/kubernetes/target-namespace.yaml"
PLACES = {
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
}


async def applied(shop) -> str:
    """Apply the manifests as they are; a kubeconfig of the executor's account."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "suture-executor"}}
    await shop.make("serviceaccounts", account)
    for item in yaml.safe_load_all(MANIFEST.read_text()):
        version, resource = PLACES[item["kind"]]
        for subject in item.get("subjects", []):
            subject["namespace"] = shop.namespace
        path = shop.path(resource, item["metadata"]["name"], version)
        query = {"fieldManager": "admin", "force": "true"}
        await shop.cluster.call("PATCH", path, item, "application/apply-patch+yaml", **query)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = shop.path("serviceaccounts", "suture-executor/token")
    token = (await shop.cluster.call("POST", path, request))["status"]["token"]
    return json.dumps({**_config(), "users": [{"name": "executor", "user": {"token": token}}]})


def _config() -> dict[str, Any]:
    found = yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())
    cluster = {"name": "here", "cluster": found["clusters"][0]["cluster"]}
    context = {"name": "here", "context": {"cluster": "here", "user": "executor"}}
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [cluster], "contexts": [context],
    }  # fmt: skip


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    return folder


async def test_the_accounts_of_the_deployment_are_enough_for_a_run(
    shop, secrets: Path, tmp_path: Path
) -> None:
    (secrets / "shop").write_text(await applied(shop))
    sandbox = KubernetesSandbox(tmp_path / "other", Secrets(secrets))
    await sandbox.open()
    try:
        target = Target(id="shop", kind="kubernetes", owner="me", reach=shop.reach, secret_ref="shop")
        found = await sandbox.check(target)
        assert (found.reachable, found.missing) == (True, ()), found.detail
        body = json.dumps(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "made"}, "stringData": {"a": "b"}}
        )
        for mode in ("rehearse", "apply", "rollback"):
            plan = shop.plan(body, mode=mode, name="one", secret_ref="shop")
            await sandbox.start(plan)
            result = await sandbox.result(plan.run_id)
            assert result.outcome == ("rolled_back" if mode == "rollback" else "succeeded"), result.detail
            await sandbox.forget(plan.run_id)
    finally:
        await sandbox.close()


async def test_the_executors_account_cannot_change_workloads_itself(shop) -> None:
    cluster = await Cluster.connect(await applied(shop), None)
    try:
        for method, resource, version in (
            ("DELETE", "deployments/web", "/apis/apps/v1"),
            ("GET", "secrets/web", "/api/v1"),
            ("DELETE", "configmaps/web", "/api/v1"),
        ):
            with pytest.raises(Refused, match="forbidden"):
                await cluster.call(method, shop.path(resource, "", version))
    finally:
        await cluster.close()
