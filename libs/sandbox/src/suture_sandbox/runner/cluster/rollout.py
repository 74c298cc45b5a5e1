"""Whether what was applied also works: rollouts that came to their end, services that have endpoints."""

from __future__ import annotations

from suture_sandbox.runner.cluster.api import Api, Refused, object_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from suture_sandbox.runner.cluster.objects import Object

_WAITING = (
    "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError",
    "CreateContainerError", "CrashLoopBackOff", "RunContainerError",
)  # fmt: skip


class Failed(Exception):
    """It will not get well by waiting; the argument says why."""


def problem(api: Api, item: Object) -> str:
    """Why the object does not work yet, or nothing. Raises ``Failed``."""
    check = _CHECKS.get(item["kind"])
    if item["kind"] == "Service":
        return _endpoints(api, item)
    if check is None:
        return ""
    reason = check(item)
    return f"{reason}{_pods(api, item)}" if reason else ""


def _deployment(item: Object) -> str:
    status, wanted = item.get("status") or {}, _replicas(item)
    if not _observed(item):
        return "the rollout has not begun"  # and what the conditions say is of the one before
    for condition in status.get("conditions") or []:
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            raise Failed(str(condition.get("message", "the rollout exceeded its deadline")))
    counts = [int(status.get(name) or 0) for name in ("updatedReplicas", "availableReplicas", "replicas")]
    return (
        ""
        if counts == [wanted] * 3
        else f"{counts[1]} of {wanted} replicas are available, {counts[0]} are new"
    )


def _stateful_set(item: Object) -> str:
    status, wanted = item.get("status") or {}, _replicas(item)
    if not _observed(item):
        return "the rollout has not begun"
    ready = int(status.get("readyReplicas") or 0)
    new = (
        status.get("updateRevision") == status.get("currentRevision")
        or int(status.get("updatedReplicas") or 0) == wanted
    )
    return "" if ready == wanted and new else f"{ready} of {wanted} replicas are ready"


def _daemon_set(item: Object) -> str:
    status = item.get("status") or {}
    if not _observed(item):
        return "the rollout has not begun"
    wanted = int(status.get("desiredNumberScheduled") or 0)
    counts = [int(status.get(name) or 0) for name in ("updatedNumberScheduled", "numberAvailable")]
    return "" if counts == [wanted] * 2 else f"{counts[1]} of {wanted} pods are available"


def _pod(item: Object) -> str:
    status = item.get("status") or {}
    if status.get("phase") == "Failed":
        raise Failed(f"the pod failed: {status.get('reason') or status.get('message') or 'no reason given'}")
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or [])
    return "" if ready or status.get("phase") == "Succeeded" else "the pod is not ready"


def _job(item: Object) -> str:
    for condition in (item.get("status") or {}).get("conditions") or []:
        if condition["status"] == "True" and condition["type"] == "Failed":
            raise Failed(f"the job failed: {condition.get('message', '')}")
        if condition["status"] == "True" and condition["type"] == "Complete":
            return ""
    return "the job has not ended"


_CHECKS = {
    "Deployment": _deployment,
    "ReplicaSet": lambda item: _deployment_like(item),
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Pod": _pod,
    "Job": _job,
}


def _deployment_like(item: Object) -> str:
    ready, wanted = int((item.get("status") or {}).get("readyReplicas") or 0), _replicas(item)
    return "" if _observed(item) and ready == wanted else f"{ready} of {wanted} replicas are ready"


def _replicas(item: Object) -> int:
    wanted = item["spec"].get("replicas")
    return 1 if wanted is None else int(wanted)


def _observed(item: Object) -> bool:
    seen = (item.get("status") or {}).get("observedGeneration") or 0
    return bool(seen >= item["metadata"].get("generation", 0))


def _endpoints(api: Api, item: Object) -> str:
    """A service that selects pods needs a ready one; where slices may not be read, nothing is said."""
    metadata = item["metadata"]
    if not (item["spec"].get("selector") or {}):
        return ""
    path = object_path("discovery.k8s.io/v1", "endpointslices", metadata["namespace"])
    try:
        slices = api.get(path, labelSelector=f"kubernetes.io/service-name={metadata['name']}")["items"]
    except Refused as refused:
        if refused.status == 403:
            return ""
        raise
    ready = any(
        (endpoint.get("conditions") or {}).get("ready")
        for one in slices
        for endpoint in one.get("endpoints") or []
    )
    return "" if ready else "no pod that it selects is ready"


def _pods(api: Api, item: Object) -> str:
    """What the pods' containers wait for, where that may be read."""
    labels = (item["spec"].get("selector") or {}).get("matchLabels") or {}
    if not labels or item["kind"] == "Job":
        return ""
    selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    try:
        pods = api.get(object_path("v1", "pods", item["metadata"]["namespace"]), labelSelector=selector)[
            "items"
        ]
    except Refused:
        return ""
    reasons = {
        f"{waiting['reason']}: {str(waiting.get('message', ''))[:200]}"
        for pod in pods
        for container in (pod.get("status") or {}).get("containerStatuses") or []
        if (waiting := (container.get("state") or {}).get("waiting")) and waiting.get("reason") in _WAITING
    }
    return "".join(f"; {reason}" for reason in sorted(reasons)[:3])
