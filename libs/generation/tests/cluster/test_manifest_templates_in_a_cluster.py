"""Manifest templates on a real API server and kubelet: what was wrong is right, then as it was again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from suture_generation.catalog import released_templates
from suture_generation.render import CompiledTemplate
from suture_testkit.cluster import shop as shop
from suture_testkit.cluster import workload
from suture_testkit.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
TEMPLATES = {template.id: template for template in released_templates()}
RESOURCES = {"requests": {"memory": "16Mi"}, "limits": {"memory": "64Mi"}}
VARIABLE = {"variable": "CART_HOST", "value": "cart.shop.svc"}
SERVE = """exec python3 -c '
import socket

server = socket.create_server(("", 8080))
while True:
    client = server.accept()[0]
    try:
        client.recv(4096)
        client.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n")
    except OSError:
        pass
    client.close()
'"""
APPS, RBAC = "/apis/apps/v1", "/apis/rbac.authorization.k8s.io/v1"
NETWORK, SCALING = "/apis/networking.k8s.io/v1", "/apis/autoscaling/v2"


@asynccontextmanager
async def mended(shop: Any, path: str, template_id: str, **values: Any) -> AsyncIterator[dict[str, Any]]:
    """The object after the template's fix; in the end its rollback has put it back as it was."""
    before = await shop.state(path)
    fix = _fix(template_id, **values)
    result = await shop.run(**fix)
    assert (result.outcome, result.detail) == ("succeeded", "")
    yield await shop.cluster.call("GET", path)
    back = await shop.run(**fix, mode="rollback")
    assert (back.outcome, await shop.state(path)) == ("rolled_back", before), back.detail


def _fix(template_id: str, **values: Any) -> dict[str, Any]:
    document = CompiledTemplate(TEMPLATES[template_id]).render({**values, "field_manager": "a-person"})
    return {"body": document.body, "verify": document.verify, "name": "fix"}


async def broken(shop: Any, name: str, command: str = "sleep 3600", **container: Any) -> str:
    """The path of a Deployment whose only container is as told."""
    item = workload(name, command)
    item["spec"]["template"]["spec"]["containers"][0].update(container)
    await shop.make("deployments", item, APPS)
    return str(shop.path("deployments", name, APPS))


async def available(shop: Any, name: str) -> int:
    found = await shop.cluster.call("GET", shop.path("deployments", name, APPS))
    return int((found.get("status") or {}).get("availableReplicas") or 0)


async def _are_available(shop: Any, name: str, count: int) -> bool:
    return await available(shop, name) == count


@pytest.mark.parametrize(
    ("template_id", "values"),
    [
        ("kubernetes-replicas-manifest", {"container": "main", "replicas": 2}),
        ("kubernetes-resources-manifest", {"container": "main", **RESOURCES}),
        ("kubernetes-environment-manifest", {"container": "main", **VARIABLE}),
    ],
)
async def test_a_deployment_gets_what_it_misses_and_loses_it_again(
    shop: Any, template_id: str, values: dict[str, Any]
) -> None:
    await shop.deployment("web")
    await shop.ready("web")
    path = shop.path("deployments", "web", APPS)
    async with mended(shop, path, template_id, deployment="web", **values) as found:
        spec = found["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert spec["replicas"] == values.get("replicas", 1)
    assert container["resources"] == (RESOURCES if "limits" in values else {})
    assert container.get("env", []) == (
        [{"name": "CART_HOST", "value": "cart.shop.svc"}] if "variable" in values else []
    )


async def test_a_service_sends_to_where_its_pods_listen_and_back(shop: Any) -> None:
    await shop.deployment("web")
    await shop.ready("web")
    ports = [{"port": 80, "name": "http", "targetPort": 81}, {"port": 443, "name": "tls"}]
    spec = {"selector": {"app": "web"}, "ports": ports}
    await shop.make(
        "services", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}
    )
    path = shop.path("services", "web")
    fix = mended(shop, path, "kubernetes-service-port-manifest", service="web", port=80, target_port=8080)
    async with fix as found:
        assert [port["targetPort"] for port in found["spec"]["ports"]] == [8080, 443]


@pytest.mark.parametrize("amount", ["512Mi", "0.5Gi"])
async def test_an_amount_is_as_it_shall_be_however_it_is_written(shop: Any, amount: str) -> None:
    await shop.deployment("web")
    await shop.ready("web")
    path = shop.path("deployments", "web", APPS)
    limits = {"memory": amount, "cpu": "1500m"}
    values = {"deployment": "web", "container": "main", "requests": {"cpu": "0.010"}, "limits": limits}
    async with mended(shop, path, "kubernetes-resources-manifest", **values) as found:
        container = found["spec"]["template"]["spec"]["containers"][0]
        assert container["resources"] == {"requests": {"cpu": "10m"}, "limits": {**limits, "memory": "512Mi"}}


@pytest.mark.parametrize("probe", ["readinessProbe", "livenessProbe", "startupProbe"])
async def test_a_probe_asks_where_the_program_answers(shop: Any, probe: str) -> None:
    asked = {"httpGet": {"path": "/", "port": 8081}, "periodSeconds": 1, "failureThreshold": 2}
    path = await broken(shop, "web", SERVE, **{probe: asked})
    values = {"deployment": "web", "container": "main", "probe": probe, "probe_port": 8080}
    async with mended(shop, path, "kubernetes-probe-manifest", **values) as found:
        container = found["spec"]["template"]["spec"]["containers"][0]
        assert container[probe]["httpGet"] == {"path": "/", "port": 8080, "scheme": "HTTP"}
        assert await available(shop, "web") == 1


async def test_pods_that_ask_for_a_node_which_is_not_there_get_one(shop: Any) -> None:
    item = workload("web")
    item["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "none", "zone": "moon"}
    await shop.make("deployments", item, APPS)
    path = shop.path("deployments", "web", APPS)
    values = {
        "deployment": "web",
        "container": "main",
        "node_selector": {"kubernetes.io/os": "linux"},
    }
    async with mended(shop, path, "kubernetes-node-selector-manifest", **values) as found:
        assert found["spec"]["template"]["spec"]["nodeSelector"] == {"kubernetes.io/os": "linux"}
        assert await available(shop, "web") == 1


async def test_a_quota_that_was_spent_lets_the_pods_in(shop: Any) -> None:
    hard = {"requests.memory": "400Mi", "pods": "9"}
    quota = {
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "compute"}, "spec": {"hard": hard},
    }  # fmt: skip
    await shop.make("resourcequotas", quota)
    path = shop.path("resourcequotas", "compute")
    await broken(shop, "web", resources={"requests": {"memory": "500Mi"}})
    values = {"quota": "compute", "hard": {"requests.memory": "1024Mi"}, "deployment": "web"}
    async with mended(shop, path, "kubernetes-resource-quota-manifest", **values) as found:
        assert found["spec"]["hard"] == {"requests.memory": "1Gi", "pods": "9"}
        assert await available(shop, "web") == 1


async def test_an_autoscaler_scales_within_its_new_bounds(shop: Any) -> None:
    await shop.deployment("web")
    await shop.ready("web")
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}
    metric["resource"]["target"]["averageUtilization"] = 80
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1, "maxReplicas": 1, "metrics": [metric],
    }  # fmt: skip
    scaler = {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": spec}
    await shop.make("horizontalpodautoscalers", scaler, SCALING)
    path = shop.path("horizontalpodautoscalers", "web", SCALING)
    values = {"autoscaler": "web", "minimum": 2, "maximum": 3}
    async with mended(shop, path, "kubernetes-autoscaler-bounds-manifest", **values) as found:
        assert (found["spec"]["minReplicas"], found["spec"]["maxReplicas"]) == (2, 3)
        await eventually(lambda: _are_available(shop, "web", 2), within=60)


async def test_a_policy_admits_who_has_to_come_in_and_nobody_else(shop: Any) -> None:
    await broken(shop, "server", SERVE)
    await shop.ready("server")
    pods = await shop.cluster.call("GET", shop.path("pods"), labelSelector="app=server")
    ask = ["curl", "-s", "-m", "1", f"http://{pods['items'][0]['status']['podIP']}:8080/"]
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "nobody"}}}]}
    selector = {"matchLabels": {"app": "server"}}
    spec = {"podSelector": selector, "policyTypes": ["Ingress"], "ingress": [rule]}
    policy = {"kind": "NetworkPolicy", "metadata": {"name": "server"}, "spec": spec}
    await shop.make("networkpolicies", policy, NETWORK)
    probe = {"exec": {"command": ask}, "periodSeconds": 1, "timeoutSeconds": 2}
    for client in ("client", "stranger"):
        await broken(shop, client, readinessProbe=probe)
    path = shop.path("networkpolicies", "server", NETWORK)
    admitted = [
        {
            "from": [{"podSelector": {"matchLabels": {"app": "client"}}}],
            "ports": [{"port": 8080, "protocol": "TCP"}],
        }
    ]
    values = {
        "policy": "server", "pod_selector": selector, "policy_types": ["Ingress"], "ingress": admitted,
        "deployment": "client",
    }  # fmt: skip
    async with mended(shop, path, "kubernetes-network-policy-manifest", **values) as found:
        assert found["spec"]["ingress"] == admitted
        assert (await available(shop, "client"), await available(shop, "stranger")) == (1, 0)


async def _role(shop: Any) -> str:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    await shop.make("roles", {"kind": "Role", "metadata": {"name": "reader"}, "rules": rules}, RBAC)
    return str(shop.path("roles", "reader", RBAC))


async def test_an_account_may_do_what_its_role_lacked(shop: Any) -> None:
    path = await _role(shop)
    await shop.make(
        "rolebindings",
        {
            "kind": "RoleBinding", "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": shop.namespace}],
        },
        RBAC,
    )  # fmt: skip
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]
    assert not await _may_list_pods(shop)
    async with mended(shop, path, "kubernetes-role-rules-manifest", role="reader", rules=rules) as found:
        assert found["rules"] == rules
        # The server's own view of the rules follows a moment later.
        await eventually(lambda: _may_list_pods(shop), within=10)


async def test_a_run_gives_no_right_that_its_own_account_does_not_have(shop: Any) -> None:
    path = await _role(shop)
    before = await shop.state(path)
    rules = [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}]
    result = await shop.run(**_fix("kubernetes-role-rules-manifest", role="reader", rules=rules))
    assert result.outcome == "not_applied"
    assert "attempting to grant RBAC permissions not currently held" in result.detail
    assert await shop.state(path) == before


async def _may_list_pods(shop: Any) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "LocalSubjectAccessReview",
        "metadata": {"namespace": shop.namespace},
        "spec": {
            "user": f"system:serviceaccount:{shop.namespace}:reader",
            "resourceAttributes": {"namespace": shop.namespace, "verb": "list", "resource": "pods"},
        },
    }
    path = shop.path("localsubjectaccessreviews", "", "/apis/authorization.k8s.io/v1")
    return bool((await shop.cluster.call("POST", path, review))["status"]["allowed"])
