"""Use cases: judge a script and sign the verdict; answer what is known of one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from structlog.typing import FilteringBoundLogger
from suture_chassis.custody import Signer, seal
from suture_chassis.documents import Documents
from suture_chassis.errors import PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_contracts.base import MAX_MESSAGE_BYTES, Event, Reply
from suture_contracts.commands import Validate
from suture_contracts.custody import VERDICT, Envelope, Verdict
from suture_contracts.events import ScriptGenerated, ScriptRejected, ScriptValidated
from suture_contracts.report import Report

from suture_validator.domain import fitted, state_after, stored, validation_of
from suture_validator.judge import Judge
from suture_validator.metrics import Metrics

# A script is generated a moment before it is validated: who asks in between gets the answer, not a 404.
PATIENCE_SECONDS = 3.0
_LOOK_SECONDS = 0.1
# Only a large message, or one that a long report makes large, can go over the bound.
_LARGE_BYTES = 500_000
_MANY_FINDINGS = 100
_ENVELOPE_BYTES = 4_000
_TEMPLATE_ORIGINS = ("template", "predefined")


class Validator:
    """Over the collection ``validations``, one document for each revision of a script."""

    def __init__(
        self,
        validations: Documents,
        collection: AsyncCollection[dict[str, Any]],
        judge: Judge,
        signer: Signer,
        metrics: Metrics,
        log: FilteringBoundLogger,
    ) -> None:
        self._validations = validations
        self._collection = collection
        self._judge = judge
        self._signer = signer
        self._metrics = metrics
        self._log = log

    async def prepare(self) -> None:
        await self._collection.create_index([("script_id", 1), ("revision", -1)])

    async def judge(self, received: Received[ScriptGenerated]) -> None:
        """Analyse a script; publish it as validated, with a signed verdict, or as rejected."""
        generated = received.message
        script = generated.script
        inline = generated.origin in _TEMPLATE_ORIGINS and generated.template_proven
        kinds = tuple(sorted({target.kind for target in generated.targets}))
        report = await self._judge.document(script.document, script.sha256, inline=inline, target_kinds=kinds)
        if len(received.body) > _LARGE_BYTES or len(report.findings) > _MANY_FINDINGS:
            report = fitted(report, MAX_MESSAGE_BYTES - len(received.body) - _ENVELOPE_BYTES)
        state = state_after(report, generated.repairs_left)
        if report.is_valid:
            event: Event = self._validated(received, report)
        else:
            event = _rejected(received, report, self._judge.ruleset)
            self._alert(generated, report)
        self._metrics.judged(state, report)
        document = {
            "_id": f"{script.script_id}:{script.revision}",
            "state": state,
            "remediation_id": str(generated.remediation_id),
            "script_id": str(script.script_id),
            "revision": script.revision,
            "sha256": script.sha256,
            "ruleset": self._judge.ruleset,
            "report": stored(report),
        }
        await self._validations.insert(document, events=[event], cause=received)

    async def answer(self, received: Received[Validate]) -> Reply:
        """The report on a known script's newest revision, or on a text."""
        command = received.message
        if command.script_id is not None:
            found = await self._newest(str(command.script_id))
            body = {"validation": validation_of(found["report"])}
            return Reply(
                status=200, body={**body, "script_id": found["script_id"], "revision": found["revision"]}
            )
        if command.text is None or command.script_type is None:
            raise PermanentError(
                "nothing to validate was named",
                field="script_id",
                remedy="give script_id, or script_type and text",
            )
        report = await self._judge.text(command.text, command.script_type)
        return Reply(status=200, body={"validation": validation_of(stored(report))})

    async def _newest(self, script_id: str) -> dict[str, Any]:
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        # The time bounds the waiting, not the look: a store that is slow has not said that there is nothing.
        while (found := await self._look(script_id)) is None:
            if asyncio.get_running_loop().time() > until:
                raise PermanentError(
                    f"no script {script_id} was validated",
                    field="script_id",
                    remedy="name a script that was generated",
                    status=404,
                )
            await asyncio.sleep(_LOOK_SECONDS)
        return found

    async def _look(self, script_id: str) -> dict[str, Any] | None:
        try:
            return await self._collection.find_one(
                {"script_id": script_id}, {"inbox": 0, "outbox": 0}, sort=[("revision", -1)]
            )
        except PyMongoError as error:
            raise TemporaryError(f"the store did not answer: {type(error).__name__}") from error

    def _validated(self, received: Received[ScriptGenerated], report: Report) -> ScriptValidated:
        generated = received.message
        return ScriptValidated(
            remediation_id=generated.remediation_id,
            sequence=generated.script.revision,
            **received.caused(),
            script=generated.script,
            report=report,
            ruleset=self._judge.ruleset,
            verdict=self._verdict(generated, report),
            origin=generated.origin,
            template=generated.template,
            template_proven=generated.template_proven,
            complexity=generated.complexity,
            confidence_parts=generated.confidence_parts,
            finding=generated.finding,
            targets=generated.targets,
            start=generated.start,
            requested_by=generated.requested_by,
        )

    def _verdict(self, generated: ScriptGenerated, report: Report) -> Envelope:
        script = generated.script
        verdict = Verdict(
            script_id=script.script_id,
            revision=script.revision,
            ruleset=self._judge.ruleset,
            is_valid=report.is_valid,
            safety_score=report.safety_score,
            reversibility=report.reversibility,
            at=datetime.now(UTC),
        )
        return seal(
            self._signer,
            subject_name=f"script:{script.script_id}:{script.revision}",
            subject_sha256=script.sha256,
            predicate_type=VERDICT,
            predicate=verdict,
        )

    def _alert(self, generated: ScriptGenerated, report: Report) -> None:
        self._log.warning(
            "unsafe_script",
            remediation_id=str(generated.remediation_id),
            origin=generated.origin,
            revision=generated.script.revision,
            rules=sorted({finding.rule_id for finding in report.findings if finding.severity == "error"})[
                :20
            ],
        )


def _rejected(received: Received[ScriptGenerated], report: Report, ruleset: str) -> ScriptRejected:
    generated = received.message
    return ScriptRejected(
        remediation_id=generated.remediation_id,
        sequence=generated.script.revision,
        **received.caused(),
        script=generated.script,
        report=report,
        ruleset=ruleset,
        final=generated.repairs_left == 0,
    )
