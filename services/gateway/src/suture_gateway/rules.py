"""What each event says of its remediation: fields with their order, and states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from suture_contracts.events import (
    ApprovalRequested,
    ExecutionCompleted,
    ExecutionRefused,
    ExecutionStarted,
    RcaAnalyzed,
    RehearsalCompleted,
    RehearsalRequested,
    RollbackRequested,
    ScriptApproved,
    ScriptDenied,
    ScriptGenerated,
    ScriptGenerationFailed,
    ScriptLapsed,
    ScriptRejected,
    ScriptValidated,
)
from suture_contracts.findings import RcaReceived, VulnerabilityReported

from suture_gateway import outcome_rules, script_rules
from suture_gateway.fields import Fields, States

RULES: dict[str, Callable[[Any], tuple[Fields, States]]] = {
    RcaReceived.TYPE: script_rules.on_rca_received,
    VulnerabilityReported.TYPE: script_rules.on_vulnerability_reported,
    RcaAnalyzed.TYPE: script_rules.on_rca_analyzed,
    ScriptGenerated.TYPE: script_rules.on_script_generated,
    ScriptGenerationFailed.TYPE: script_rules.on_script_generation_failed,
    ScriptValidated.TYPE: script_rules.on_script_validated,
    ScriptRejected.TYPE: script_rules.on_script_rejected,
    RehearsalRequested.TYPE: outcome_rules.on_rehearsal_requested,
    RehearsalCompleted.TYPE: outcome_rules.on_rehearsal_completed,
    ApprovalRequested.TYPE: outcome_rules.on_approval_requested,
    ScriptApproved.TYPE: outcome_rules.on_script_approved,
    ScriptDenied.TYPE: outcome_rules.on_script_denied,
    ExecutionStarted.TYPE: outcome_rules.on_execution_started,
    ExecutionCompleted.TYPE: outcome_rules.on_execution_completed,
    ScriptLapsed.TYPE: outcome_rules.on_lapse,
    ExecutionRefused.TYPE: outcome_rules.on_lapse,
    RollbackRequested.TYPE: outcome_rules.on_rollback_requested,
}
