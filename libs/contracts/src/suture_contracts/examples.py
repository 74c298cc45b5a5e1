"""One example of every message: in the published schemas, and for tests to start from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from suture_contracts import commands, events, findings, ids
from suture_contracts.base import Message, Principal
from suture_contracts.custody import DsseSignature, Envelope
from suture_contracts.report import Needs, Quality, Report, SafetyFinding
from suture_contracts.script import Script, ScriptDocument, SubmittedScript, TemplateRef
from suture_contracts.target import Target
from suture_contracts.template import Template

_AT = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
_REMEDIATION = ids.remediation_id("detector", "anomaly-123")
_SCRIPT = ids.script_id(_REMEDIATION)
_APPROVAL = ids.approval_id(_SCRIPT, 1)
_EXECUTION = ids.execution_id(_APPROVAL)
_CONFIG = "/srv/orders/database.conf"


def example(message_type: str) -> Message:
    """The example of the message with this CloudEvents type; raises ``KeyError`` for an unknown type."""
    return _EXAMPLES[message_type]()


def _caused(sequence: int = 0) -> dict[str, Any]:
    return {
        "remediation_id": _REMEDIATION,
        "sequence": sequence,
        "causation_id": "anomaly-123",
        "causation_digest": ids.sha256(b"{}"),
    }


def _target() -> Target:
    return Target(
        id="orders-host",
        kind="local",
        reach={"root": "/srv/orders"},
        owner="platform-team",
        facts={
            "services": ["orders-api"],
            "config_path": _CONFIG,
            "known_good_source": "/srv/orders/known-good/database.conf",
            "health_url": "http://127.0.0.1:8080/health",
        },
    )


def _script() -> Script:
    document = ScriptDocument(
        script_type="bash",
        body=(
            "#!/bin/bash\nset -euo pipefail\n"
            f"install -m 0640 /srv/orders/known-good/database.conf {_CONFIG}\n"
            f'echo "restored {_CONFIG}"\n'
        ),
        verify=f"#!/bin/bash\nset -euo pipefail\ntest -s {_CONFIG}\n",
        writes=(_CONFIG,),
        targets=("orders-host",),
        parameters={"config_path": _CONFIG},
    )
    return Script.of(_SCRIPT, 1, document)


def _finding() -> events.Finding:
    return events.Finding(
        kind="rca",
        reference="anomaly-123",
        category="Configuration",
        details="Missing configuration file for database connection",
        suggested_actions=("Create missing configuration file",),
        affected_systems=("orders-api",),
        severity="high",
        confidence=0.9,
        fingerprint=ids.sha256(b"Configuration orders-host"),
    )


def _report() -> Report:
    return Report(
        is_valid=True,
        safety_score=0.98,
        findings=(
            SafetyFinding(
                rule_id="quality.backup",
                severity="info",
                message="no backup before the change",
                line=3,
                column=1,
                remedy="copy the file before you change it",
            ),
        ),
        quality=Quality(shebang=True, error_handling=True, logging=True),
        needs=Needs(writes=(_CONFIG,), executes=("install",)),
        reversibility="exact",
    )


def _refused() -> Report:
    finding = SafetyFinding(
        rule_id="filesystem.delete-root",
        severity="error",
        message="deletes the root of the file system",
        line=3,
        column=1,
        remedy="name the files to delete",
    )
    return Report(is_valid=False, safety_score=0.0, errors=(finding.message,), findings=(finding,))


def _envelope() -> Envelope:
    return Envelope(payload="e30=", signatures=(DsseSignature(keyid="validator-2026", sig="c2lnbmF0dXJl"),))


def _confidence() -> events.Confidence:
    parts = {
        "template_match": 40.0,
        "complexity": 15.0,
        "validation": 19.6,
        "rca_confidence": 13.5,
        "track_record": 5.0,
    }
    return events.Confidence(total=93.1, level="HIGH", parts=parts)


def _template() -> Template:
    return Template(
        id="missing-configuration-file",
        title="Restore a missing configuration file",
        categories=("Configuration",),
        keywords=("missing",),
        parameters={
            "type": "object",
            "additionalProperties": False,
            "required": ["config_path"],
            "properties": {"config_path": {"type": "string", "x-fact": "config_path"}},
        },
        body="#!/bin/bash\nset -euo pipefail\ntouch {{ config_path }}\n",
        verify="#!/bin/bash\nset -euo pipefail\ntest -e {{ config_path }}\n",
        writes=("{{ config_path }}",),
    )


def _run() -> events.Run:
    return events.Run(
        target="orders-host",
        outcome="succeeded",
        exit_code=0,
        snapshot=f"{_EXECUTION}/orders-host",
        before={_CONFIG: "absent"},
        after={_CONFIG: ids.sha256(b"host=db")},
        output_tail=f"restored {_CONFIG}\n",
        isolation=("bubblewrap", "no network"),
        seconds=0.2,
    )


def _rehearsal() -> events.RehearsalCompleted:
    return events.RehearsalCompleted(
        **_caused(1),
        rehearsal_id=ids.rehearsal_id(_SCRIPT, 1),
        script_id=_SCRIPT,
        revision=1,
        outcome="passed",
        diff=f"--- /dev/null\n+++ {_CONFIG}\n@@ -0,0 +1 @@\n+host=db\n",
        seen={"orders-host": {_CONFIG: "absent"}},
    )


def _leased() -> dict[str, Any]:
    return {"run_id": f"{_EXECUTION}-apply", "token": ids.sha256(b"lease")[:32]}


def _analyzed_fields() -> dict[str, Any]:
    return {
        "finding": _finding(),
        "targets": (_target(),),
        "confidence_parts": {"template_match": 1.0, "complexity": 1.0, "rca_confidence": 0.9},
    }


def _rca_received() -> Message:
    return findings.RcaReceived(
        anomaly_id="anomaly-123",
        root_cause_category="Configuration",
        root_cause_details="Missing configuration file for database connection",
        confidence_score="HIGH",
        suggested_actions=("Create missing configuration file", "Verify database connection parameters"),
        severity="high",
        affected_systems=("orders-api",),
    )


def _vulnerability_reported() -> Message:
    return findings.VulnerabilityReported(
        vulnerability_id="CVE-2022-0778",
        package="openssl",
        installed_version="1.1.1k-1+deb11u1",
        fixed_version="1.1.1k-1+deb11u2",
        distribution="debian",
        distribution_version="11",
        severity="high",
        description="A crafted certificate makes BN_mod_sqrt() loop forever",
        affected_systems=("web-01",),
    )


def _rca_analyzed() -> Message:
    return events.RcaAnalyzed(
        **_caused(), outcome="analyzed", finding=_finding(), template=_template(), targets=(_target(),)
    )


def _script_generated() -> Message:
    return events.ScriptGenerated(
        **_caused(),
        **_analyzed_fields(),
        script=_script(),
        origin="template",
        template=TemplateRef(id="missing-configuration-file", revision=1),
        reversibility="exact",
        repairs_left=0,
    )


def _script_generation_failed() -> Message:
    return events.ScriptGenerationFailed(
        **_caused(),
        script_id=_SCRIPT,
        reason="no template fits and no model provider is set",
        tried=("template", "predefined action"),
        finding=_finding(),
    )


def _script_validated() -> Message:
    return events.ScriptValidated(
        **_caused(),
        **_analyzed_fields(),
        script=_script(),
        report=_report(),
        ruleset=ids.sha256(b"rules"),
        verdict=_envelope(),
        origin="template",
        template=TemplateRef(id="missing-configuration-file", revision=1),
    )


def _script_rejected() -> Message:
    return events.ScriptRejected(
        **_caused(), script=_script(), report=_refused(), ruleset=ids.sha256(b"rules"), final=True
    )


def _rehearsal_requested() -> Message:
    return events.RehearsalRequested(
        **_caused(),
        rehearsal_id=ids.rehearsal_id(_SCRIPT, 1),
        script=_script(),
        verdict=_envelope(),
        targets=("orders-host",),
    )


def _approval_requested() -> Message:
    return events.ApprovalRequested(
        **_caused(),
        approval_id=_APPROVAL,
        script=_script(),
        report=_report(),
        confidence=_confidence(),
        approvers_required=0,
        expires_at=_AT + timedelta(hours=24),
        reversibility="exact",
        notify_only=True,
        finding=_finding(),
        targets=(_target(),),
    )


def _script_approved() -> Message:
    return events.ScriptApproved(
        **_caused(1),
        script=_script(),
        approval_id=_APPROVAL,
        verdict=_envelope(),
        approval=_envelope(),
        confidence=_confidence(),
        reversibility="exact",
    )


def _script_denied() -> Message:
    return events.ScriptDenied(
        **_caused(1),
        script_id=_SCRIPT,
        revision=1,
        approval_id=_APPROVAL,
        outcome="denied",
        reason="not during the release",
        principal=Principal(id="ada", role="supervisor"),
    )


_LAPSED = "key 0123456789abcdef0123456789abcdef of validator is revoked or past its validity"


def _script_lapsed() -> Message:
    return events.ScriptLapsed(**_caused(2), script_id=_SCRIPT, revision=1, reason=_LAPSED)


def _execution_refused() -> Message:
    return events.ExecutionRefused(
        **_caused(0), approval_id=_APPROVAL, script_id=_SCRIPT, revision=1, reason=_LAPSED
    )


def _rollback_requested() -> Message:
    return events.RollbackRequested(
        **_caused(2),
        execution_id=_EXECUTION,
        reason="latency rose",
        principal=Principal(id="ada", role="supervisor"),
        approval=_envelope(),
    )


def _execution_started() -> Message:
    return events.ExecutionStarted(
        **_caused(),
        execution_id=_EXECUTION,
        approval_id=_APPROVAL,
        script_id=_SCRIPT,
        revision=1,
        mode="apply",
        targets=("orders-host",),
    )


def _execution_completed() -> Message:
    return events.ExecutionCompleted(
        **_caused(1),
        execution_id=_EXECUTION,
        approval_id=_APPROVAL,
        script_id=_SCRIPT,
        revision=1,
        mode="apply",
        runner="bubblewrap",
        outcome="succeeded",
        runs=(_run(),),
        attestation=_envelope(),
    )


def _submitted() -> SubmittedScript:
    return SubmittedScript(
        script_type="bash",
        body=f"#!/bin/bash\nset -euo pipefail\necho pool_size=20 >> {_CONFIG}\n",
        verify=f"#!/bin/bash\ngrep -qx pool_size=20 {_CONFIG}\n",
        writes=(_CONFIG,),
        targets=("orders-host",),
        title="pool.sh",
    )


def _command(role: str, **fields: Any) -> dict[str, Any]:
    asked = {"command_id": "7d1f", "principal": {"id": "ada", "role": role}}
    return {**asked, "issued_at": _AT, "expires_at": _AT + timedelta(minutes=5), **fields}


def _seen() -> dict[str, Any]:
    return _command("supervisor", approval_id=_APPROVAL, revision=1, digest=_script().sha256)


_EXAMPLES: dict[str, Callable[[], Message]] = {
    "rca.received": _rca_received,
    "vulnerability.reported": _vulnerability_reported,
    "rca.analyzed": _rca_analyzed,
    "script.generated": _script_generated,
    "script.generation_failed": _script_generation_failed,
    "script.validated": _script_validated,
    "script.rejected": _script_rejected,
    "rehearsal.requested": _rehearsal_requested,
    "rehearsal.completed": _rehearsal,
    "approval.requested": _approval_requested,
    "script.approved": _script_approved,
    "script.denied": _script_denied,
    "script.lapsed": _script_lapsed,
    "execution.refused": _execution_refused,
    "rollback.requested": _rollback_requested,
    "execution.started": _execution_started,
    "execution.completed": _execution_completed,
    "target.registered": lambda: events.TargetRegistered(target=_target(), revision=1),
    "target.updated": lambda: events.TargetUpdated(target=_target(), revision=2),
    "target.removed": lambda: events.TargetRemoved(target_id="orders-host", revision=3),
    "generate": lambda: commands.Generate(**_command("agent", finding=_rca_received())),
    "submit-script": lambda: commands.SubmitScript(**_command("operator", script=_submitted())),
    "batch": lambda: commands.Batch(**_command("operator", day=date(2026, 1, 2))),
    "show-spending": lambda: commands.ShowSpending(**_command("operator", budget_id="2026-01-02:critical")),
    "list-templates": lambda: commands.ListTemplates(**_command("operator")),
    "create-template": lambda: commands.CreateTemplate(**_command("supervisor", template=_template())),
    "update-template": lambda: commands.UpdateTemplate(
        **_command(
            "supervisor",
            template_id="missing-configuration-file",
            changes={"title": "Restore it"},
            revision=1,
        )
    ),
    "delete-template": lambda: commands.DeleteTemplate(
        **_command("supervisor", template_id="missing-configuration-file")
    ),
    "validate": lambda: commands.Validate(**_command("operator", script_id=_SCRIPT)),
    "approve": lambda: commands.Approve(**_seen()),
    "deny": lambda: commands.Deny(**_seen()),
    "request-rollback": lambda: commands.RequestRollback(
        **_command("operator", execution_id=_EXECUTION, reason="latency rose")
    ),
    "execute": lambda: commands.Execute(**_command("agent", script_id=_SCRIPT)),
    "stop": lambda: commands.Stop(**_command("operator", target_id="orders-host")),
    "resume": lambda: commands.Resume(**_command("operator", target_id="orders-host")),
    "show-progress": lambda: commands.ShowProgress(**_command("operator", remediation_id=_REMEDIATION)),
    "report-result": lambda: commands.ReportResult(**_command("agent", script_id=_SCRIPT, status="SUCCESS")),
    "take-lease": lambda: commands.TakeLease(
        **_command("agent", target_id="orders-host", home="0b5c1f3e9a7d4c21")
    ),
    "renew-lease": lambda: commands.RenewLease(**_command("agent", **_leased())),
    "end-lease": lambda: commands.EndLease(**_command("agent", **_leased(), result=_envelope())),
    "register-target": lambda: commands.RegisterTarget(**_command("operator", target=_target())),
    "remove-target": lambda: commands.RemoveTarget(**_command("operator", target_id="orders-host")),
    "check-target": lambda: commands.CheckTarget(**_command("operator"), target_id="shop-web"),
    "list-targets": lambda: commands.ListTargets(**_command("operator")),
}
