"""Why a run's pod does not start, in the cluster's own words; from values alone."""

from __future__ import annotations

from typing import Any

_AT_ONCE = ("ErrImageNeverPull", "InvalidImageName")
_SOON = (
    "ErrImagePull", "ImagePullBackOff", "CreateContainerConfigError", "CreateContainerError",
    "RunContainerError", "ImageInspectError",
)  # fmt: skip
_SOON_SECONDS = 20.0
_STARTED = ("Running", "Succeeded", "Failed")


def has_started(pod: dict[str, Any]) -> bool:
    return pod.get("status", {}).get("phase") in _STARTED


def has_ended(pod: dict[str, Any]) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def of_pod(pod: dict[str, Any]) -> tuple[str, float]:
    """What it waits for, and for how many seconds that may go on; empty where nothing is wrong."""
    status = pod.get("status", {})
    for container in status.get("containerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        said = f"{reason}: {str(waiting.get('message', ''))[:500]}"
        if reason in _AT_ONCE:
            return f"the image cannot be had: {said}", 0.0
        if reason in _SOON:
            return f"the container cannot be started: {said}", _SOON_SECONDS
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', 'not scheduled')}: {condition.get('message', '')}"[:600], -1.0
    return "", 0.0


def of_events(events: list[dict[str, Any]]) -> tuple[str, float]:
    """Why the Job's pod could not even be created: a quota, an admission policy, no such account."""
    failed = [event for event in events if event.get("reason") == "FailedCreate"]
    return (
        (f"no pod could be created: {failed[-1].get('message', '')}"[:800], _SOON_SECONDS / 4)
        if failed
        else ("", 0.0)
    )


def of_end(pod: dict[str, Any]) -> str:
    """Why a pod that ended without a result did so."""
    status = pod.get("status", {})
    for container in status.get("containerStatuses") or []:
        ended = (container.get("state") or {}).get("terminated") or {}
        if ended:
            return f"the runner ended: {ended.get('reason', '')}, exit code {ended.get('exitCode')}"
    return f"the pod ended: {status.get('reason') or status.get('message') or status.get('phase')}"
