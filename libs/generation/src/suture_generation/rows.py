"""Findings and vulnerabilities as others write them, one JSON object each, as the messages that we know.

Answers that a data set carries beside a case (``expected_…``, ``label``, ``tasks`` …) are dropped first: what
judges a fix must not have helped to write it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import ValidationError
from suture_contracts.base import Severity
from suture_contracts.findings import CATEGORIES, RcaReceived, VulnerabilityReported

from suture_generation.catalog import released_templates
from suture_generation.errors import GenerationError
from suture_generation.keywords import Keywords
from suture_generation.objects import facts_from_arguments, speaks_of_workloads

ANSWERS = re.compile(
    r"label|tasks|expected_.*|source.*|kind|id|tags|note|mitigation_note|package_manager|licence"
)
_SEVERITIES: dict[str, Severity] = {
    "critical": "critical",
    "emergency": "critical",
    "high": "high",
    "important": "high",
    "medium": "medium",
    "moderate": "medium",
    "warning": "medium",
    "low": "low",
    "minor": "low",
    "negligible": "low",
    "info": "info",
    "informational": "info",
}
# Ours first, then as Trivy and other scanners name the same.
_ADVISORY_FIELDS = {
    "vulnerability_id": ("cve", "advisory", "cve_id", "VulnerabilityID", "advisory_id"),
    "package": ("package", "package_name", "PkgName"),
    "installed_version": ("installed_version", "InstalledVersion", "current_version"),
    "fixed_version": ("fixed_version", "FixedVersion", "fix_version", "fixed_in", "patched_version"),
    "distribution": ("distribution", "distro", "os", "os_name", "os_family", "platform"),
    "distribution_version": ("distribution_version", "distro_version", "os_version", "release"),
    "severity": ("severity", "Severity"),
    "description": ("description", "Description", "title", "Title", "summary"),
}
_SPEAKS_OF = Keywords[str](
    [
        *((word, "Kubernetes") for word in ("kubernetes", "k8s", "pod", "deployment", "namespace")),
        *((word, "Kubernetes") for word in ("virtualization", "microservice", "chaos mesh", "kubectl")),
        *(
            (word, "Kubernetes")
            for word in ("statefulset", "daemonset", "replicaset", "configmap", "kubelet")
        ),
        *((word, "Kubernetes") for word in ("kube", "crashloopbackoff", "imagepullbackoff", "cordoned")),
        *((word, "Kubernetes") for word in ("networkpolicy", "helm", "hpa", "horizontalpodautoscaler")),
        *((word, "Database") for word in ("database", "sql", "postgres", "mysql", "mongodb", "replication")),
        *((word, "ResourceExhaustion") for word in ("disk", "inodes", "memory", "file descriptors")),
        *((word, "Network") for word in ("network", "dns", "firewall", "proxy", "mtu")),
        *((word, "Security") for word in ("security", "tls", "sshd", "exposed", "certificate")),
        *((word, "ScheduledJob") for word in ("cron", "scheduled job", "timer")),
        *((word, "Logging") for word in ("logs", "logging", "log rotation")),
        *((word, "Configuration") for word in ("configuration", "config", "misconfigured")),
        *((word, "ServiceFailure") for word in ("crashed", "service down", "unresponsive", "hangs")),
    ]
)


@dataclass(frozen=True, slots=True)
class Row:
    """``id`` names the line in the output; it is not shown to whatever writes the script."""

    id: str
    message: RcaReceived | VulnerabilityReported


def read_row(data: Any, number: int) -> Row:
    """One line's object: our own messages, or the shapes of public incident and advisory sets.

    Raises ``GenerationError`` naming the field.
    """
    if not isinstance(data, Mapping):
        raise GenerationError("is not an object", field=f"line {number}", remedy="give one {…} a line")
    id = str(data.get("id") or data.get("anomaly_id") or data.get("vulnerability_id") or f"line-{number}")[
        :200
    ]
    fields = {name: value for name, value in data.items() if not ANSWERS.fullmatch(str(name))}
    try:
        return Row(id, _message(fields, number))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise GenerationError(first["msg"], field=field, remedy="correct that field") from error


def _message(fields: dict[str, Any], number: int) -> RcaReceived | VulnerabilityReported:
    if "root_cause_category" in fields:
        return RcaReceived.model_validate(fields)
    if "vulnerability_id" in fields:
        return VulnerabilityReported.model_validate(fields)
    if any(name in fields for name in _ADVISORY_FIELDS["vulnerability_id"]):
        return _advisory(fields)
    if "affected" in fields and _is_osv(fields):
        return _advisory(_of_osv(fields))
    if "details" in fields or "root_cause" in fields:
        return _incident(fields, number)
    raise GenerationError(
        "is neither a finding nor a vulnerability",
        field=f"line {number}",
        remedy="give it a root_cause_category, a vulnerability_id, a cve, or details",
    )


def _advisory(fields: dict[str, Any]) -> VulnerabilityReported:
    told = {
        name: next((fields[each] for each in names if fields.get(each)), None)
        for name, names in _ADVISORY_FIELDS.items()
    }
    return VulnerabilityReported.model_validate(
        {
            **told,
            "severity": severity_of(told["severity"]),
            "description": str(told["description"] or "")[:20_000],
        }
    )


def _is_osv(fields: Mapping[str, Any]) -> bool:
    return isinstance(fields["affected"], list) and all(
        isinstance(item, Mapping) for item in fields["affected"]
    )


def _of_osv(record: dict[str, Any]) -> dict[str, Any]:
    """An OSV record on a line of its own: its first package of a distribution."""
    from suture_generation.scanners import entries_of_osv

    first = next(entries_of_osv(record), None)
    if first is None:
        raise GenerationError(
            "names no package of a distribution that is known",
            field="affected",
            remedy="give a record whose ecosystem is Debian, Ubuntu, Red Hat, SUSE …",
        )
    return {
        "cve": first.advisory,
        "package": first.package,
        "fixed_version": first.fixed[0] if first.fixed else None,
        "distribution": first.distribution,
        "distribution_version": first.distribution_version,
        "severity": first.severity,
        "description": first.description,
    }


def _incident(fields: dict[str, Any], number: int) -> RcaReceived:
    said = [
        str(fields[name]) for name in ("category", "details", "symptom", "root_cause") if fields.get(name)
    ]
    objects = [item for item in _as_list(fields.get("affected_system")) if isinstance(item, Mapping)]
    systems = [item for item in _as_list(fields.get("affected_systems")) if isinstance(item, str)]
    facts, in_arguments = facts_from_arguments(fields.get("fault_args"))
    cause = fields.get("root_cause")
    if isinstance(cause, str) and re.fullmatch(r"\w{1,100}", cause):
        facts["fault"] = cause
    affected = [
        *({**item, "application": item.get("app")} for item in objects[:30]),
        *(item.model_dump() for item in in_arguments),
    ]
    return RcaReceived.model_validate(
        {
            "anomaly_id": f"line-{number}",
            "root_cause_category": category_of(" ".join(said), objects),
            "root_cause_details": "\n".join(said)[:20_000],
            "confidence_score": fields.get("confidence_score", "MEDIUM"),
            "suggested_actions": _as_list(fields.get("suggested_actions")),
            "severity": severity_of(fields.get("severity")),
            "affected_systems": systems,
            "affected_objects": affected,
            "facts": facts,
        }
    )


def category_of(text: str, objects: list[Mapping[str, Any]] | None = None) -> str:
    """The published category that a text speaks of most; ``Other`` where it speaks of none."""
    kinds = {
        str(item.get("kind") or "") for item in objects or () if item.get("kind") or item.get("namespace")
    }
    if kinds or speaks_of_workloads(text):
        return "Kubernetes"
    said = _SPEAKS_OF.said(text) or _templates_speak_of().said(text)
    return max(CATEGORIES, key=lambda category: said.get(category, (0, 0))) if said else "Other"


@lru_cache(maxsize=1)
def _templates_speak_of() -> Keywords[str]:
    """Where no category is named: what the released templates are for, each in its first category."""
    return Keywords[str](
        (word, template.categories[0]) for template in released_templates() for word in template.keywords
    )


def severity_of(told: Any) -> Severity:
    """Ours for another's word; ``medium`` where it says nothing that is known."""
    return _SEVERITIES.get(str(told or "").strip().casefold(), "medium")


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]
