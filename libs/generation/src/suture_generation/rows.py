"""Findings and vulnerabilities as others write them, one JSON object each, as the messages that we know.

Answers that a data set carries beside a case (``expected_…``, ``label``, ``tasks`` …) are dropped first: what
judges a fix must not have helped to write it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from suture_contracts.base import Severity
from suture_contracts.findings import CATEGORIES, RcaReceived, VulnerabilityReported

from suture_generation.errors import GenerationError
from suture_generation.keywords import Keywords
from suture_generation.objects import facts_from_arguments

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
_SPEAKS_OF = Keywords[str](
    [
        *((word, "Kubernetes") for word in ("kubernetes", "k8s", "pod", "deployment", "namespace")),
        *((word, "Kubernetes") for word in ("virtualization", "microservice", "chaos mesh", "kubectl")),
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
    if "cve" in fields or "advisory" in fields:
        return _advisory(fields)
    if "details" in fields or "root_cause" in fields:
        return _incident(fields, number)
    raise GenerationError(
        "is neither a finding nor a vulnerability",
        field=f"line {number}",
        remedy="give it a root_cause_category, a vulnerability_id, a cve, or details",
    )


def _advisory(fields: dict[str, Any]) -> VulnerabilityReported:
    return VulnerabilityReported.model_validate(
        {
            "vulnerability_id": fields.get("cve") or fields.get("advisory"),
            "package": fields.get("package") or None,
            "installed_version": fields.get("installed_version") or None,
            "fixed_version": fields.get("fixed_version") or None,
            "distribution": fields.get("distribution") or fields.get("distro"),
            "distribution_version": fields.get("distribution_version") or fields.get("distro_version"),
            "severity": severity_of(fields.get("severity")),
            "description": str(fields.get("description") or "")[:20_000],
        }
    )


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
    if kinds:
        return "Kubernetes"
    said = _SPEAKS_OF.said(text)
    return max(CATEGORIES, key=lambda category: said.get(category, 0)) if said else "Other"


def severity_of(told: Any) -> Severity:
    """Ours for another's word; ``medium`` where it says nothing that is known."""
    return _SEVERITIES.get(str(told or "").strip().casefold(), "medium")


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]
