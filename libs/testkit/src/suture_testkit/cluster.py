"""A namespace of its own in the cluster that KUBECONFIG names, with a target's service account in it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import pytest_asyncio
from suture_contracts.script import Limits
from suture_sandbox.kubernetes.sandbox import KubernetesSandbox
from suture_sandbox.protocol import RunPlan, RunResult
from suture_sandbox.runner.cluster.objects import normal
from suture_sandbox.secrets import Secrets

if TYPE_CHECKING:
    from suture_sandbox.kubernetes.cluster import Cluster

IMAGE = os.environ.get("SUTURE_SANDBOX_IMAGE", "localhost/script:dev")
RULES = [
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"]},
    {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["services", "pods"], "verbs": ["*"]},
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list"]},
    {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["resourcequotas"], "verbs": ["*"]},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["*"]},
    # Not all verbs: what it may not do itself, the server lets it give to nobody.
    {
        "apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["roles"],
        "verbs": ["create", "get", "patch", "update", "delete"],
    },
]


@dataclass
class Shop:
    """The namespace under test; what tests make in it goes with it."""

    cluster: Cluster
    sandbox: KubernetesSandbox
    namespace: str
    reach: dict[str, Any] = field(default_factory=dict)

    def path(self, resource: str, name: str = "", version: str = "/api/v1") -> str:
        path = f"{version}/namespaces/{self.namespace}/{resource}"
        return f"{path}/{name}" if name else path

    async def make(self, resource: str, item: dict[str, Any], version: str = "/api/v1") -> dict[str, Any]:
        path = self.path(resource, "", version)
        return await self.cluster.call("POST", path, item, fieldManager="a-person")

    async def config(self, name: str, **data: str) -> dict[str, Any]:
        return await self.make(
            "configmaps",
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data},
        )

    async def deployment(self, name: str, command: str = "sleep 3600") -> dict[str, Any]:
        return await self.make("deployments", workload(name, command), "/apis/apps/v1")

    async def ready(self, name: str) -> None:
        async with asyncio.timeout(60):
            while True:
                found = await self.cluster.call("GET", self.path("deployments", name, "/apis/apps/v1"))
                if (found.get("status") or {}).get("availableReplicas"):
                    return
                await asyncio.sleep(0.5)

    async def state(self, *paths: str) -> str:
        """Objects without what the server keeps in them, as text to compare."""
        found = [await self.cluster.find(path) for path in paths]
        return json.dumps([normal(one) if one else None for one in found], sort_keys=True, indent=1)

    def plan(self, body: str, *, mode: str = "apply", name: str = "", **changes: Any) -> RunPlan:
        name = name or f"run-{uuid4().hex[:8]}"
        fields: dict[str, Any] = {
            "run_id": f"{name}-{mode}",
            "claim_id": name,
            "execution_id": name,
            "mode": mode,
            "target": "shop",
            "kind": "kubernetes",
            "reach": self.reach,
            "script_type": "kubernetes",
            "body": body,
            "limits": Limits(timeout_seconds=40, memory_mb=128),
            **changes,
        }
        return RunPlan(**fields)

    def script(self, body: str, **changes: Any) -> dict[str, Any]:
        """The fields of a plan whose script may write the ConfigMap ``web``."""
        writes = (self.path("configmaps", "web"),)
        return {"body": body, "script_type": "bash", "writes": writes, **changes}

    async def run(self, body: str, **changes: Any) -> RunResult:
        plan = self.plan(body, **changes)
        await self.sandbox.start(plan)
        async with asyncio.timeout(150):
            return await self.sandbox.result(plan.run_id)

    async def claims(self) -> list[dict[str, Any]]:
        found = await self.cluster.call("GET", self.path("leases", "", "/apis/coordination.k8s.io/v1"))
        return list(found["items"])

    async def pod_of(self, plan: RunPlan) -> dict[str, Any]:
        """The running pod of a run."""
        async with asyncio.timeout(60):
            while True:
                found = await self.cluster.call("GET", self.path("pods"), labelSelector="suture.dev/run")
                for pod in found["items"]:
                    if pod["status"].get("phase") == "Running":
                        return dict(pod)
                await asyncio.sleep(0.2)


def workload(name: str, command: str = "sleep 3600", image: str = IMAGE) -> dict[str, Any]:
    labels = {"app": name}
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["bash", "-c", command],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "automountServiceAccountToken": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 65532,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [container],
                },
            },
        },
    }  # fmt: skip


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    if "KUBECONFIG" not in os.environ:
        pytest.fail("KUBECONFIG names no cluster; 'make test-cluster' says what it needs")
    async with new_shop(tmp_path) as found:
        yield found


@asynccontextmanager
async def new_shop(folder: Path) -> AsyncIterator[Shop]:
    """A namespace of its own; ``folder`` keeps the sandbox's records."""
    # The client is large: only tests of a cluster load it.
    from suture_sandbox.kubernetes.cluster import Cluster, Refused

    cluster = await Cluster.connect(None, None)
    name = f"shop-{uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    await cluster.call(
        "POST", "/api/v1/namespaces",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
    )  # fmt: skip
    sandbox = KubernetesSandbox(folder / "state", Secrets(None), lease_seconds=8.0, start_seconds=15.0)
    await sandbox.open()
    reach = {
        "namespace": name, "service_account": "suture-target", "image": IMAGE, "image_pull_policy": "Never",
        "healthy_seconds": 1,
    }  # fmt: skip
    found = Shop(cluster, sandbox, name, reach)
    await _account(found)
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
    behind = await cluster.call("GET", slices)
    # A test cluster may translate the service's address before it judges by policy.
    reach["api_server"] = [f"{behind['endpoints'][0]['addresses'][0]}:{behind['ports'][0]['port']}"]
    try:
        yield found
    finally:
        await sandbox.close()
        try:
            await cluster.call("DELETE", f"/api/v1/namespaces/{name}")
        except Refused:
            pass
        await cluster.close()


async def _account(shop: Shop) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "suture-target"}}
    await shop.make("serviceaccounts", account)
    metadata = {"name": "suture-target"}
    await shop.make("roles", {"kind": "Role", "metadata": metadata, "rules": RULES}, rbac)
    await shop.make(
        "rolebindings",
        {
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "suture-target"},
            "subjects": [{"kind": "ServiceAccount", "name": "suture-target", "namespace": shop.namespace}],
        },
        rbac,
    )
