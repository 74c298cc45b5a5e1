"""One run's objects in its cluster: made, watched to their end, taken away."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from suture_sandbox.kubernetes import job as objects
from suture_sandbox.kubernetes import network, trouble
from suture_sandbox.kubernetes.cluster import Cluster, Refused, Unreachable
from suture_sandbox.kubernetes.manifests import parse
from suture_sandbox.kubernetes.reach import KubernetesReach
from suture_sandbox.kubernetes.records import Record
from suture_sandbox.protocol import MOST_PROGRESS, RunResult
from suture_sandbox.runner.cluster.claim import unpacked
from suture_sandbox.runner.cluster.main import RESULT

T = TypeVar("T")
_LOOK_SECONDS = 5.0
_PENDING_LOOK_SECONDS = 1.0


class NotStarted(Exception):
    """The run's pod does not start; the argument says why, in the cluster's words."""


class JobGone(Exception):
    """The Job was recorded, and is not there any more."""


class Ended(Exception):
    """The pod ended, and left no result; ``dead`` are the pods that are known to have ended."""

    def __init__(self, reason: str, dead: list[str]) -> None:
        self.dead = dead
        super().__init__(reason)


class Run:
    """``record`` is what is known of it here; every method may be asked again after any crash."""

    def __init__(
        self,
        cluster: Cluster,
        reach: KubernetesReach,
        record: Record,
        lease_seconds: float,
        start_seconds: float,
    ) -> None:
        self._cluster = cluster
        self._reach = reach
        self._record = record
        self._lease_seconds = lease_seconds
        self._start_seconds = start_seconds
        self._name = objects.job_name(record.plan, record.attempt)
        self.asked = False
        """Whether the Job was asked for: without an answer to that it may be there."""

    async def create(self) -> None:
        """Make what is missing, the Job last. Raises ``Refused``, ``Unreachable``, ``ValueError``."""
        plan, reach = self._record.plan, self._reach
        allowed = await network.api_server(self._cluster, reach)
        declared, hosts = await network.resolved(plan.egress if plan.mode != "rehearse" else ())
        runner = objects.runner_config_map()
        secret = objects.plan_secret(plan, self._name, self._of_cluster())
        policy = objects.network_policy(self._name, [*allowed, *declared])
        made_first = await asyncio.gather(
            self._make("/api/v1", "configmaps", runner),
            self._make("/api/v1", "secrets", secret),
            self._make("/apis/networking.k8s.io/v1", "networkpolicies", policy),
            return_exceptions=True,  # nothing is left on its way when this returns
        )
        for outcome in made_first:
            if isinstance(outcome, BaseException):
                raise outcome
        made = objects.job(plan, self._name, reach, runner["metadata"]["name"], hosts)
        self.asked = True
        await self._make("/apis/batch/v1", "jobs", made)

    async def exists(self) -> bool:
        path = self._path("/apis/batch/v1", "jobs", self._name)
        found = await patiently(lambda: self._cluster.find(path))
        return found is not None and "deletionTimestamp" not in found["metadata"]

    async def ended(self) -> RunResult:
        """Wait for the result. Raises ``NotStarted``, ``JobGone``, ``Ended``."""
        started = time.monotonic()
        looked = 0.0
        trouble_since: dict[str, float] = {}
        while True:
            found = await patiently(lambda: self._pods())
            pods = found["items"]
            if pods and all(trouble.has_ended(pod) for pod in pods):
                return await self._result(pods)
            if time.monotonic() - looked > _LOOK_SECONDS or not pods:
                looked = time.monotonic()
                if (result := await self._without_pods(pods)) is not None:
                    return result
            pending = not any(trouble.has_started(pod) for pod in pods)
            if pending:
                reason, patience = await self._trouble(pods)
                since = trouble_since.setdefault(reason[:40], time.monotonic())
                if patience < 0:
                    patience = self._start_seconds
                if reason and time.monotonic() - since >= patience:
                    raise NotStarted(reason)
                if time.monotonic() - started > self._start_seconds * 2:
                    raise NotStarted(reason or "its pod did not start in time")
            await self._wait(found, _PENDING_LOOK_SECONDS if pending else _LOOK_SECONDS)

    async def stop(self) -> bool:
        """End the pods as Kubernetes does, with time to take back; false where none had started."""
        pods = (await self._pods())["items"]
        for pod in pods:
            await self._gone(self._path("/api/v1", "pods", pod["metadata"]["name"]))
        return any(trouble.has_started(pod) for pod in pods)

    async def withdraw(self) -> None:
        """Take the Job away and wait until nothing of it is left."""
        path = self._path("/apis/batch/v1", "jobs", self._name)
        await patiently(lambda: self._gone(path, "Foreground"))
        while (found := await patiently(lambda: self._pods()))["items"]:
            await self._wait(found, _PENDING_LOOK_SECONDS)

    async def claim(self) -> dict[str, Any] | None:
        """The claim as it is, if there is one."""
        path = self._path("/apis/coordination.k8s.io/v1", "leases", objects.claim_name(self._record.plan))
        return await patiently(lambda: self._cluster.find(path))

    async def log(self) -> str:
        """What its pod printed so far, each line with its time; nothing where there is no pod."""
        pods = [pod for pod in (await self._pods())["items"] if trouble.has_started(pod)]
        if not pods:
            return ""
        path = self._path("/api/v1", "pods", pods[-1]["metadata"]["name"]) + "/log"
        most = str(MOST_PROGRESS)
        return await self._cluster.text("GET", path, timestamps="true", limitBytes=most)

    async def clean(self) -> None:
        """Let the Job go by itself after a while; plan and policy at once. Claim and snapshot stay."""
        for attempt in range(self._record.attempt + 1):
            name = objects.job_name(self._record.plan, attempt)
            later = {"spec": {"ttlSecondsAfterFinished": objects.KEPT_SECONDS}}
            path = self._path("/apis/batch/v1", "jobs", name)
            try:
                await self._cluster.call("PATCH", path, later, "application/merge-patch+json")
            except Refused as refused:
                if refused.status != 404:
                    raise
            await self._gone(self._path("/api/v1", "secrets", name))
            await self._gone(self._path("/apis/networking.k8s.io/v1", "networkpolicies", name))

    @property
    def _selector(self) -> str:
        return f"{objects.RUN_LABEL}={self._name}"

    def _of_cluster(self) -> dict[str, Any]:
        plan, namespace = self._record.plan, self._reach.namespace
        manifests = plan.script_type == "kubernetes"
        expects = manifests and plan.verify.strip() and not plan.verify.startswith("#!")
        return {
            "namespace": namespace,
            "api_server": self._reach.api_server[0] if self._reach.api_server else None,
            "claim": objects.claim_name(plan),
            "objects": parse(plan.body, namespace) if manifests else [],
            "expects": parse(plan.verify, namespace, "verify") if expects else [],
            "dead": self._record.dead,
            "lease_seconds": self._lease_seconds,
            "healthy_seconds": self._reach.healthy_seconds,
            "isolation": list(objects.ISOLATION),
        }

    async def _make(self, version: str, resource: str, wanted: dict[str, Any]) -> None:
        try:
            await self._cluster.call("POST", self._path(version, resource), wanted)
            return
        except Refused as refused:
            if refused.reason != "AlreadyExists":
                raise Refused(refused.status, f"{wanted['kind']}: {refused}", refused.reason) from None
        if resource == "jobs":
            found = await self._cluster.call("GET", self._path(version, resource, wanted["metadata"]["name"]))
            if _spec_hash(found) != _spec_hash(wanted):
                raise ValueError(f"there is a Job {wanted['metadata']['name']} of other contents; remove it")

    async def _wait(self, pods: dict[str, Any], seconds: float) -> None:
        """Until something changes among the pods that were listed, or for that time."""
        path, version = self._path("/api/v1", "pods"), pods["metadata"]["resourceVersion"]
        await self._cluster.changed(path, version, seconds, labelSelector=self._selector)

    async def _pods(self) -> dict[str, Any]:
        return await self._cluster.call("GET", self._path("/api/v1", "pods"), labelSelector=self._selector)

    async def _without_pods(self, pods: list[dict[str, Any]]) -> RunResult | None:
        """Look at Job and claim, where pods alone do not say how it went."""
        job = await patiently(lambda: self._cluster.find(self._path("/apis/batch/v1", "jobs", self._name)))
        if pods:
            return None
        if job is None:
            result = await self._kept()
            if result is None:
                raise JobGone(f"the Job {self._name} in {self._reach.namespace} is gone")
            return result
        conditions = (job.get("status") or {}).get("conditions") or []
        if any(one["type"] in ("Failed", "Complete") and one["status"] == "True" for one in conditions):
            return await self._result([])
        return None

    async def _result(self, pods: list[dict[str, Any]]) -> RunResult:
        result = await self._kept()
        if result is None and self._record.plan.mode in ("check", "rehearse"):
            result = await self._logged(pods)
        if result is not None:
            return result
        ends = [f"{trouble.of_end(pod)}: {(await self._log(pod))[-600:].strip()}" for pod in pods]
        reason = "; ".join(ends) or "the pod was deleted"
        raise Ended(reason, [pod["metadata"]["uid"] for pod in pods])

    async def _kept(self) -> RunResult | None:
        claim = await self.claim()
        annotations = ((claim or {}).get("metadata") or {}).get("annotations") or {}
        found = unpacked(annotations, self._record.plan.mode)
        return RunResult.model_validate(found) if found is not None else None

    async def _logged(self, pods: list[dict[str, Any]]) -> RunResult | None:
        for pod in pods:
            lines = [line for line in (await self._log(pod)).splitlines() if line.startswith(RESULT)]
            if lines:
                return RunResult.model_validate(json.loads(lines[-1].removeprefix(RESULT)))
        return None

    async def _log(self, pod: dict[str, Any]) -> str:
        path = self._path("/api/v1", "pods", pod["metadata"]["name"]) + "/log"
        try:
            return await patiently(lambda: self._cluster.text("GET", path))
        except Refused as refused:
            return f"(its log cannot be read: {refused})"

    async def _trouble(self, pods: list[dict[str, Any]]) -> tuple[str, float]:
        for pod in pods:
            reason, patience = trouble.of_pod(pod)
            if reason:
                return reason, patience
        if pods:
            return "", 0.0
        selector = f"involvedObject.name={self._name}"
        try:
            found = await self._cluster.call("GET", self._path("/api/v1", "events"), fieldSelector=selector)
        except (Refused, Unreachable):
            return "", 0.0
        return trouble.of_events(found["items"])

    async def _gone(self, path: str, propagation: str = "Background") -> None:
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        try:
            await self._cluster.call("DELETE", path, options)
        except Refused as refused:
            if refused.status != 404:
                raise

    def _path(self, version: str, resource: str, name: str = "") -> str:
        path = f"{version}/namespaces/{self._reach.namespace}/{resource}"
        return f"{path}/{name}" if name else path


def _spec_hash(job: dict[str, Any]) -> str | None:
    found = (job["metadata"].get("annotations") or {}).get(objects.SPEC_HASH)
    return None if found is None else str(found)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until there is an answer, however long the API server is away; may be cancelled."""
    pause = 0.2
    while True:
        try:
            return await ask()
        except Unreachable:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
