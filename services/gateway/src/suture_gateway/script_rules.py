"""What the events up to a script's validation say of their remediation."""

from __future__ import annotations

from typing import Any

from suture_contracts.events import (
    RcaAnalyzed,
    ScriptGenerated,
    ScriptGenerationFailed,
    ScriptRejected,
    ScriptValidated,
)
from suture_contracts.findings import RcaReceived, VulnerabilityReported
from suture_contracts.report import Report

from suture_gateway.fields import Fields, States, finding_of, ids_of, principal_of, script_type_of, text_of


def on_rca_received(event: RcaReceived) -> tuple[Fields, States]:
    received = {
        "kind": "rca",
        "reference": event.anomaly_id,
        "category": event.root_cause_category,
        "severity": event.severity,
    }
    return {"received": (0, received)}, [("received", 0)]


def on_vulnerability_reported(event: VulnerabilityReported) -> tuple[Fields, States]:
    received = {
        "kind": "vulnerability",
        "reference": event.vulnerability_id,
        "category": "Vulnerability",
        "severity": event.severity,
    }
    return {"received": (0, received)}, [("received", 0)]


def on_rca_analyzed(event: RcaAnalyzed) -> tuple[Fields, States]:
    analysis = {
        **finding_of(event.finding),
        "outcome": event.outcome,
        "reason": event.reason,
        "script_type": event.script_type,
        "template": f"{event.template.id}:{event.template.revision}" if event.template else None,
        "targets": ids_of(event.targets),
        "start": event.start,
        "requested_by": principal_of(event.requested_by),
    }
    return {"analysis": (event.sequence, analysis)}, [(event.outcome, 0)]


def on_script_generated(event: ScriptGenerated) -> tuple[Fields, States]:
    revision = event.script.revision
    script = {
        "revision": revision,
        "sha256": event.script.sha256,
        "document": event.script.document,
        "script_type": script_type_of(event.script.document),
        "origin": event.origin,
        "template": None if event.template is None else event.template.model_dump(mode="json"),
        "template_proven": event.template_proven,
        "complexity": event.complexity,
        "targets": ids_of(event.targets),
        "repairs_left": event.repairs_left,
        "model": None if event.model is None else event.model.model_dump(mode="json"),
        "start": event.start,
        "requested_by": principal_of(event.requested_by),
        **finding_of(event.finding),
    }
    return {"script": (revision, script)}, [("generated", revision)]


def on_script_generation_failed(event: ScriptGenerationFailed) -> tuple[Fields, States]:
    failure = {"reason": event.reason, "tried": list(event.tried)}
    # It comes after all that was said of the script before, and before what a later analysis may bring.
    before = event.sequence if event.revision is None else event.revision - 1
    return {"failure": (event.sequence, failure)}, [("generation_failed", before)]


def on_script_validated(event: ScriptValidated) -> tuple[Fields, States]:
    revision = event.script.revision
    return {"report": (revision, _report(event.report, revision, event.ruleset))}, [("validated", revision)]


def on_script_rejected(event: ScriptRejected) -> tuple[Fields, States]:
    revision = event.script.revision
    state = "rejected" if event.final else "refused"
    return {"report": (revision, _report(event.report, revision, event.ruleset))}, [(state, revision)]


def _report(report: Report, revision: int, ruleset: str) -> dict[str, Any]:
    return {
        "revision": revision,
        "is_valid": report.is_valid,
        "safety_score": report.safety_score,
        "ruleset": ruleset,
        "report_json": text_of(report),
    }
