"""Manifest templates on a real API server and kubelet: what was wrong is right, then as it was again."""

from __future__ import annotations

from typing import Any

import pytest
from suture_generation.catalog import released_templates
from suture_generation.render import CompiledTemplate
from suture_testkit.cluster import shop as shop

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
TEMPLATES = {template.id: template for template in released_templates()}
RESOURCES = {"requests": {"memory": "16Mi"}, "limits": {"memory": "64Mi"}}
VARIABLE = {"variable": "CART_HOST", "value": "cart.shop.svc"}


async def mended(shop: Any, path: str, template_id: str, **values: Any) -> dict[str, Any]:
    """The object after the template's fix; its rollback has put it back as it was by then."""
    before = await shop.state(path)
    document = CompiledTemplate(TEMPLATES[template_id]).render({**values, "field_manager": "a-person"})
    fix = {"body": document.body, "verify": document.verify, "name": "fix"}
    result = await shop.run(**fix)
    assert (result.outcome, result.detail) == ("succeeded", "")
    found: dict[str, Any] = await shop.cluster.call("GET", path)
    back = await shop.run(**fix, mode="rollback")
    assert (back.outcome, await shop.state(path)) == ("rolled_back", before), back.detail
    return found


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
    path = shop.path("deployments", "web", "/apis/apps/v1")
    found = await mended(shop, path, template_id, deployment="web", **values)
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
    found = await mended(
        shop, path, "kubernetes-service-port-manifest", service="web", port=80, target_port=8080
    )
    assert [port["targetPort"] for port in found["spec"]["ports"]] == [8080, 443]
