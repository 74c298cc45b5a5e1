"""A run as the cluster's objects; names are derived: the same run is the same Job after any restart."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from suture_sandbox.archives import runner_archive
from suture_sandbox.kubernetes.reach import KubernetesReach
from suture_sandbox.protocol import RunPlan
from suture_sandbox.runner.bounds import run_uid

RUN_LABEL = "suture.dev/run"
SPEC_HASH = "suture.dev/spec"
KEPT_SECONDS = 300
"""For how long a Job stays after its result is recorded."""
_RUNNER_MB = 64
_MARGIN_SECONDS = 300
_GRACE_SECONDS = 60
MANAGED = {"app.kubernetes.io/managed-by": "suture"}
ISOLATION = (
    "kubernetes",
    "pod security: restricted; read-only root, no capabilities, no new privileges, seccomp of the runtime",
    "user: one of its own for each run",
    "limits: memory, cpu, file size, processes, open files, time, output, scratch space",
    "rights: those of the target's service account",
    "network: the API server and the declared egress alone, where the cluster enforces policies",
)


def claim_name(plan: RunPlan) -> str:
    """Of the Lease and the snapshot; an apply run and its rollback share them."""
    return f"suture-{_short(plan.claim_id, plan.target)}"


def job_name(plan: RunPlan, attempt: int) -> str:
    """``attempt`` counts the runners that took over from a killed one."""
    return f"suture-run-{_short(plan.run_id)}-{attempt}"


def plan_secret(plan: RunPlan, name: str, cluster: dict[str, Any]) -> dict[str, Any]:
    """What the pod is told to do."""
    text = json.dumps({**plan.model_dump(mode="json"), "cluster": cluster})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": _labels(name)},
        "immutable": True,
        "data": {"plan.json": base64.b64encode(text.encode()).decode()},
    }


def runner_config_map() -> dict[str, Any]:
    """The runner, named by its digest and shared by all runs of this version."""
    data, digest = runner_archive()
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"suture-runner-{digest[:16]}", "labels": MANAGED},
        "immutable": True,
        "binaryData": {"runner.pyz": base64.b64encode(data).decode()},
    }


def network_policy(name: str, allowed: list[tuple[str, int]]) -> dict[str, Any]:
    """Nothing comes in; nothing goes out but to the named addresses and ports."""
    egress = [
        {
            "to": [{"ipBlock": {"cidr": f"{address}/{128 if ':' in address else 32}"}}],
            "ports": [{"protocol": "TCP", "port": port}],
        }
        for address, port in allowed
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": _labels(name)},
        "spec": {
            "podSelector": {"matchLabels": {RUN_LABEL: name}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [],
            "egress": egress,
        },
    }


def job(
    plan: RunPlan, name: str, reach: KubernetesReach, runner: str, hosts: dict[str, str]
) -> dict[str, Any]:
    """The Job; ``hosts`` gives the addresses of declared names, as pods may have no name service."""
    limits = plan.limits
    deadline = 3 * limits.timeout_seconds + int(reach.healthy_seconds) + _MARGIN_SECONDS
    spec = {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "podReplacementPolicy": "Failed",
        "activeDeadlineSeconds": deadline,
        "template": {
            "metadata": {"labels": _labels(name)},
            "spec": {
                "restartPolicy": "Never",
                "serviceAccountName": reach.service_account,
                "automountServiceAccountToken": True,
                "enableServiceLinks": False,
                "terminationGracePeriodSeconds": _GRACE_SECONDS,
                "hostAliases": [{"ip": ip, "hostnames": [host]} for host, ip in sorted(hosts.items())],
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": run_uid(plan.run_id),
                    "runAsGroup": run_uid(plan.run_id),
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [_container(plan, reach)],
                "volumes": _volumes(plan, name, runner),
            },
        },
    }
    text = json.dumps(spec, sort_keys=True)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": _labels(name),
            "annotations": {
                SPEC_HASH: hashlib.sha256(text.encode()).hexdigest(),
                "suture.dev/execution": plan.execution_id,
                "suture.dev/target": plan.target,
            },
        },
        "spec": spec,
    }


def _container(plan: RunPlan, reach: KubernetesReach) -> dict[str, Any]:
    memory = {"memory": f"{plan.limits.memory_mb + _RUNNER_MB}Mi", "ephemeral-storage": f"{_scratch(plan)}Mi"}
    return {
        "name": "run",
        "image": reach.image,
        "imagePullPolicy": reach.image_pull_policy,
        "command": ["python3", "-I", "-S", "-B", "/suture/runner/runner.pyz", "/suture/plan/plan.json"],
        "env": [
            {"name": "SUTURE_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
            {"name": "LANG", "value": "C.UTF-8"},
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {**memory, "cpu": "1"}},
        "volumeMounts": [
            {"name": "runner", "mountPath": "/suture/runner", "readOnly": True},
            {"name": "plan", "mountPath": "/suture/plan", "readOnly": True},
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108
        ],
    }


def _volumes(plan: RunPlan, name: str, runner: str) -> list[dict[str, Any]]:
    return [
        {"name": "runner", "configMap": {"name": runner}},
        {"name": "plan", "secret": {"secretName": name, "defaultMode": 0o444}},
        {"name": "scratch", "emptyDir": {"sizeLimit": f"{_scratch(plan)}Mi"}},
    ]


def _scratch(plan: RunPlan) -> int:
    return plan.limits.file_size_mb * 2 + 8


def _labels(name: str) -> dict[str, str]:
    return {**MANAGED, RUN_LABEL: name}


def _short(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
