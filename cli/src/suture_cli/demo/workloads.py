"""The broken workloads: real objects of a real cluster, in a namespace that the demo makes and takes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import yaml

from suture_cli.demo.examples import Example, filled
from suture_cli.demo.outcome import Outcome
from suture_cli.failures import Unreachable

if TYPE_CHECKING:
    from suture_sandbox.kubernetes.cluster import Cluster

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_PLACES = {
    "Deployment": ("/apis/apps/v1", "deployments"),
    "Service": ("/api/v1", "services"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "Role": (_RBAC, "roles"),
    "RoleBinding": (_RBAC, "rolebindings"),
}
_OWNER = "deployer"
"""The field manager of what the demo makes: who would have deployed it."""
_BROKEN_SECONDS = 90.0
_GONE_SECONDS = 90.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Namespace:
    """The namespace, as the demo's own kubeconfig reaches it."""

    cluster: Cluster
    name: str
    places: dict[str, str]

    def path(self, kind: str, name: str = "") -> str:
        version, resource = _PLACES[kind]
        path = f"{version}/namespaces/{self.name}/{resource}"
        return f"{path}/{name}" if name else path

    async def make(self, item: dict[str, Any]) -> None:
        await self.cluster.call("POST", self.path(item["kind"]), item, fieldManager=_OWNER)

    async def find(self, item: dict[str, Any]) -> dict[str, Any] | None:
        return await self.cluster.find(self.path(item["kind"], item["metadata"]["name"]))

    async def state(self, items: Sequence[dict[str, Any]]) -> str:
        """The objects without their status and what the server keeps in them, as text to compare."""
        from suture_sandbox.runner.cluster.objects import normal

        found = [await self.find(item) for item in items]
        return json.dumps([normal(one) if one else None for one in found], sort_keys=True)

    async def problem(self, item: dict[str, Any]) -> str:
        """Why one object does not work, by its status, its pods and its EndpointSlices; or nothing."""
        live, name = await self.find(item), f"{item['kind']} {item['metadata']['name']}"
        if live is None:
            return f"{name} does not exist"
        if live["kind"] == "Service":
            return "" if await self._has_endpoint(item) else f"{name} has no ready endpoint"
        if live["kind"] != "Deployment":
            return ""
        status, wanted = live.get("status") or {}, live["spec"]["replicas"]
        if status.get("availableReplicas") == status.get("updatedReplicas") == wanted:
            return ""
        waiting = ", ".join(await self._waits(live)) or "its pods are not there yet"
        return f"{name} has {status.get('availableReplicas', 0)} of {wanted} pods available: {waiting}"

    async def _has_endpoint(self, service: dict[str, Any]) -> bool:
        path = f"/apis/discovery.k8s.io/v1/namespaces/{self.name}/endpointslices"
        label = f"kubernetes.io/service-name={service['metadata']['name']}"
        slices = (await self.cluster.call("GET", path, labelSelector=label))["items"]
        endpoints = [endpoint for one in slices for endpoint in one.get("endpoints") or ()]
        return any((endpoint.get("conditions") or {}).get("ready") for endpoint in endpoints)

    async def _waits(self, deployment: dict[str, Any]) -> list[str]:
        labels = deployment["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        pods = await self.cluster.call("GET", f"/api/v1/namespaces/{self.name}/pods", labelSelector=selector)
        states = [
            container.get("state") or {}
            for pod in pods["items"]
            for container in (pod.get("status") or {}).get("containerStatuses") or ()
        ]
        return sorted({state["waiting"]["reason"] for state in states if "waiting" in state})


@dataclass(frozen=True, slots=True)
class BrokenWorkload:
    """One example's objects: what was wrong with them, and how they were then."""

    namespace: Namespace
    objects: tuple[dict[str, Any], ...]
    symptom: str
    before: str

    def target_of(self, example: Example) -> dict[str, Any] | None:
        target = filled(example.target, self.namespace.places)
        return target if isinstance(target, dict) else None

    async def is_broken(self) -> bool:
        return bool(await _problems(self.namespace, self.objects))

    async def look(self, example: Example, outcome: Outcome) -> None:
        """Whether it works now as the example says, and whether its objects are what they were."""
        problems = await _problems(self.namespace, self.objects)
        outcome.notes.append(f"before: {self.symptom}")
        outcome.notes.append(
            f"now: {'; '.join(problems) or 'every pod is available, every service reaches one'}"
        )
        if example.expected.works is not None and example.expected.works == bool(problems):
            outcome.differences.append("it works" if example.expected.works is False else "it does not work")
        if example.expected.objects_unchanged:
            if await self.namespace.state(self.objects) == self.before:
                outcome.notes.append("every object is what it was")
            else:
                outcome.differences.append("the objects are not what they were")


class BrokenWorkloads:
    """``async with`` makes them, waits until each is broken in its own way, and deletes them."""

    def __init__(self, examples: Sequence[Example], image: str, ceiling: Path) -> None:
        self._examples = [example for example in examples if example.workload is not None]
        self._image = image
        self._ceiling = ceiling
        self._of: dict[str, BrokenWorkload] = {}
        self._cluster: Cluster | None = None
        self._name = f"suture-demo-{uuid4().hex[:8]}"

    def of(self, example: Example) -> BrokenWorkload | None:
        return self._of.get(example.name)

    async def __aenter__(self) -> BrokenWorkloads:
        # The client is large: only this demo loads it.
        from suture_sandbox.kubernetes.cluster import Cluster, Refused
        from suture_sandbox.kubernetes.cluster import Unreachable as Away

        remedy = "set KUBECONFIG to a cluster's, or install Docker and kind, which makes one"
        try:
            self._cluster = await Cluster.connect(None, None)
            namespace = await self._prepared(self._cluster)
            broken = (self._broken(namespace, example) for example in self._examples)
            self._of = {
                example.name: found
                for example, found in zip(self._examples, await asyncio.gather(*broken), strict=True)
            }
        except (Away, Refused, ValueError) as error:
            await self._end()
            raise Unreachable(str(error), remedy=remedy) from None
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _prepared(self, cluster: Cluster) -> Namespace:
        """The namespace under Pod Security ``restricted``, with the accounts that a cluster's admin makes."""
        metadata = {"name": self._name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
        await cluster.call(
            "POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        )
        slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
        behind = await cluster.call("GET", slices)
        address = behind["endpoints"][0]["addresses"][0]
        api_server = f"[{address}]" if ":" in address else address
        # Where a cluster translates the service's address before its policies judge, only this one counts.
        places = {
            "namespace": self._name,
            "image": self._image,
            "api_server": f"{api_server}:{behind['ports'][0]['port']}",
        }
        namespace = Namespace(cluster, self._name, places)
        for item in yaml.safe_load_all(self._ceiling.read_text()):
            await namespace.make(item)
        return namespace

    async def _broken(self, namespace: Namespace, example: Example) -> BrokenWorkload:
        workload = example.workload
        if workload is None:
            raise ValueError(f"{example.name} has no workload")
        objects = tuple(filled(item, namespace.places) for item in workload.objects)
        for item in objects:
            await namespace.make(item)
        problems: list[str] = []
        try:
            async with asyncio.timeout(_BROKEN_SECONDS):
                while len(problems) != 1 or workload.symptom not in problems[0]:
                    await asyncio.sleep(_POLL_SECONDS)
                    problems = await _problems(namespace, objects)
        except TimeoutError:
            seen = "; ".join(problems) or "everything works"
            raise Unreachable(
                f"{example.name}: {workload.symptom!r} was not seen within {_BROKEN_SECONDS:.0f} s: {seen}",
                remedy=f"the image {self._image} must be there; SUTURE_SANDBOX_IMAGE names another",
            ) from None
        return BrokenWorkload(namespace, objects, problems[0], await namespace.state(objects))

    async def _end(self) -> None:
        if self._cluster is None:
            return
        from suture_sandbox.kubernetes.cluster import Refused
        from suture_sandbox.kubernetes.cluster import Unreachable as Away

        path = f"/api/v1/namespaces/{self._name}"
        try:
            async with asyncio.timeout(_GONE_SECONDS):
                await self._cluster.call("DELETE", path)
                while await self._cluster.find(path) is not None:  # noqa: ASYNC110 (the API server has no event)
                    await asyncio.sleep(_POLL_SECONDS)
        except (Refused, Away, TimeoutError):
            pass  # it was never made, or the cluster takes its time
        finally:
            await self._cluster.close()


async def _problems(namespace: Namespace, objects: Sequence[dict[str, Any]]) -> list[str]:
    return [problem for item in objects if (problem := await namespace.problem(item))]
