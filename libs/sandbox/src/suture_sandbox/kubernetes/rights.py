"""What a run needs on its target, and what its service account lacks of it; asked before approval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from suture_contracts.base import ScriptType

from suture_sandbox.kubernetes.cluster import Cluster, Refused
from suture_sandbox.kubernetes.reach import KubernetesReach
from suture_sandbox.runner.cluster.api import pick


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one object, or on a resource where ``name`` is empty."""

    verb: str
    group: str
    resource: str
    name: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {resource}{f' {self.name}' if self.name else ''}"


_CLAIM = (
    Right("create", "coordination.k8s.io", "leases"),
    Right("get", "coordination.k8s.io", "leases"),
    Right("update", "coordination.k8s.io", "leases"),
)


async def needed(
    cluster: Cluster,
    reach: KubernetesReach,
    script_type: ScriptType,
    objects: list[dict[str, Any]],
    writes: tuple[str, ...],
) -> list[Right]:
    """All rights of a run: for its claim, its snapshot, its change, and for taking that back.

    Raises ``ValueError`` where the cluster does not know a kind, and what ``Cluster`` raises.
    """
    rights = list(_CLAIM)
    secret = False
    for item in objects if script_type == "kubernetes" else []:
        found = await _resource(cluster, item)
        group = item["apiVersion"].rpartition("/")[0]
        secret = secret or item["kind"] == "Secret"
        path = f"{found['name']}/{item['metadata']['name']}"
        rights += await _changes(cluster, reach, item["apiVersion"], group, path)
    for write in writes if script_type != "kubernetes" else ():
        parts = write.strip("/").split("/")
        version = parts[1] if parts[0] == "api" else "/".join(parts[1:3])
        secret = secret or parts[-2] == "secrets"
        rights += await _changes(cluster, reach, version, version.rpartition("/")[0], "/".join(parts[-2:]))
    kept = "secrets" if secret else "configmaps"
    return [*rights, Right("create", "", kept), Right("get", "", kept)]


async def lacking(cluster: Cluster, reach: KubernetesReach, rights: list[Right]) -> list[Right]:
    """Those of the rights that the service account does not have, by the API server's own word."""
    return [right for right in dict.fromkeys(rights) if not await _has(cluster, reach, right)]


async def _changes(
    cluster: Cluster, reach: KubernetesReach, version: str, group: str, path: str
) -> list[Right]:
    resource, _, name = path.partition("/")
    prefix = "apis" if "/" in version else "api"
    # Names are not known to the server before an object is: create cannot be bound to one.
    made = [
        Right("get", group, resource, name),
        Right("create", group, resource),
        Right("delete", group, resource, name),
    ]
    changed = [Right(verb, group, resource, name) for verb in ("get", "patch", "update")]
    try:
        found = await cluster.find(f"/{prefix}/{version}/namespaces/{reach.namespace}/{path}")
    except Refused as refused:
        if refused.status != 403:
            raise
        return [*changed, *made]  # the executor may not see whether it is there
    return made if found is None else changed


async def _resource(cluster: Cluster, item: dict[str, Any]) -> dict[str, Any]:
    version = item["apiVersion"]
    known = await cluster.find(f"/{'apis' if '/' in version else 'api'}/{version}")
    found = pick(known["resources"], item["kind"]) if known else None
    if found is None:
        raise ValueError(f"the cluster has no {item['kind']} in {version}")
    if not found["namespaced"]:
        raise ValueError(f"a {item['kind']} reaches beyond a namespace; leave it to the cluster's admin")
    return found


async def _has(cluster: Cluster, reach: KubernetesReach, right: Right) -> bool:
    account = f"system:serviceaccount:{reach.namespace}:{reach.service_account}"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{reach.namespace}", "system:authenticated"]
    attributes = {
        "namespace": reach.namespace,
        "verb": right.verb,
        "group": right.group,
        "resource": right.resource,
        **({"name": right.name} if right.name else {}),
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "LocalSubjectAccessReview",
        "metadata": {"namespace": reach.namespace},
        "spec": {"user": account, "groups": groups, "resourceAttributes": attributes},
    }
    path = f"/apis/authorization.k8s.io/v1/namespaces/{reach.namespace}/localsubjectaccessreviews"
    return bool((await cluster.call("POST", path, review))["status"]["allowed"])
