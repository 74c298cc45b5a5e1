"""An approver on a real broker and store, and what its neighbours would send it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
import yaml
from suture_approver.main import Settings, build
from suture_approver.policy import load_policy
from suture_chassis.app import Service
from suture_chassis.custody import seal
from suture_contracts import ids
from suture_contracts.custody import EXECUTION, VERDICT, Attestation, Verdict
from suture_contracts.events import ExecutionCompleted, Finding, RehearsalCompleted, Run, ScriptValidated
from suture_contracts.report import Report
from suture_contracts.script import Script, ScriptDocument, TemplateRef
from suture_contracts.target import Target
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire

CAUSE = {"causation_id": "cause", "causation_digest": "c" * 64}


@dataclass(frozen=True)
class Neighbours:
    """Makes the messages that the validator, the executor and people send."""

    trust: Identities

    def validated(
        self,
        remediation: UUID | None = None,
        *,
        revision: int = 1,
        targets: Sequence[str] = ("web-01",),
        verdict: dict[str, Any] | None = None,
        signed_by: str = "validator",
        warnings: tuple[str, ...] = (),
        **fields: Any,
    ) -> ScriptValidated:
        remediation = remediation or uuid4()
        document = ScriptDocument(script_type="bash", body=f"echo {revision}", targets=tuple(targets))
        script = Script.of(ids.script_id(remediation), revision, document)
        said = {
            "script_id": script.script_id,
            "revision": revision,
            "ruleset": "d" * 64,
            "is_valid": True,
            "safety_score": 1.0,
            "reversibility": "exact",
            "at": datetime.now(UTC),
        } | (verdict or {})
        envelope = seal(
            self.trust.signer(signed_by),
            subject_name=str(script.script_id),
            subject_sha256=script.sha256,
            predicate_type=VERDICT,
            predicate=Verdict.model_validate(said),
        )
        values: dict[str, Any] = {
            "remediation_id": remediation,
            "sequence": revision,
            **CAUSE,
            "script": script,
            "report": Report(is_valid=True, safety_score=1.0, warnings=warnings, reversibility="exact"),
            "ruleset": "d" * 64,
            "verdict": envelope,
            "origin": "template",
            "template": TemplateRef(id="missing-file", revision=1),
            "confidence_parts": {"template_match": 1.0, "complexity": 1.0, "rca_confidence": 0.9},
            "finding": Finding(
                kind="rca",
                reference="anomaly-1",
                category="Configuration",
                details="a file is missing",
                severity="high",
                confidence=0.9,
                fingerprint="e" * 64,
            ),
            "targets": tuple(Target(id=each, kind="local", owner="agent") for each in targets),
        }
        return ScriptValidated(**(values | fields))

    def rehearsed(self, validated: ScriptValidated, **fields: Any) -> RehearsalCompleted:
        script = validated.script
        values: dict[str, Any] = {
            "remediation_id": validated.remediation_id,
            "sequence": 0,
            **CAUSE,
            "rehearsal_id": ids.rehearsal_id(script.script_id, script.revision),
            "script_id": script.script_id,
            "revision": script.revision,
            "outcome": "passed",
            "diff": "+ database.conf",
            "rights": ("write /etc/orders/database.conf",),
        }
        return RehearsalCompleted(**(values | fields))

    def executed(
        self,
        validated: ScriptValidated,
        outcome: Any = "succeeded",
        *,
        sequence: int = 1,
        mode: Any = "apply",
    ) -> ExecutionCompleted:
        script = validated.script
        approval = ids.approval_id(script.script_id, script.revision)
        attestation = Attestation(
            execution_id=ids.execution_id(approval),
            approval_id=approval,
            mode=mode,
            outcome=outcome,
            runs_sha256="f" * 64,
            at=datetime.now(UTC),
        )
        return ExecutionCompleted(
            remediation_id=validated.remediation_id,
            sequence=sequence,
            **CAUSE,
            execution_id=ids.execution_id(approval),
            approval_id=approval,
            script_id=script.script_id,
            revision=script.revision,
            mode=mode,
            runner="bubblewrap",
            outcome=outcome,
            runs=tuple(
                Run(target=t.id, outcome=outcome, after={"/etc/x": "a" * 64}) for t in validated.targets
            ),
            attestation=seal(
                self.trust.signer("executor"),
                subject_name="run",
                subject_sha256=script.sha256,
                predicate_type=EXECUTION,
                predicate=attestation,
            ),
            template=validated.template,
        )


@pytest.fixture
def neighbours(trust: Identities) -> Neighbours:
    return Neighbours(trust)


Approvers = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def an_approver(trust: Identities, tmp_path: Path) -> Approvers:
    """Builds an approver; ``policy`` changes the packaged policy: ``{"expiry": {…}}``."""

    def made(timer: float = 0.05, **policy: dict[str, Any]) -> Service:
        content = load_policy().model_dump()
        for section, values in policy.items():
            content[section] |= values
        path = tmp_path / "policy.yaml"
        path.write_text(yaml.safe_dump(content))
        settings = trust.settings_for("approver") | {
            "approver_policy_file": path,
            "approver_timer_seconds": timer,
        }
        return build(Settings(**settings))

    return made


@pytest_asyncio.fixture
async def approver(wire: Wire, an_approver: Approvers) -> AsyncIterator[Service]:
    """An approver under the packaged policy, but that nothing is rehearsed."""
    async with an_approver(rehearsal={"levels": []}) as service:
        yield service
