"""Assess a validated script: verify its verdict, weigh it, open its case."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from pydantic import ValidationError
from suture_chassis.custody import Signer, TrustStore, unseal
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_contracts import ids
from suture_contracts.custody import VERDICT, Verdict
from suture_contracts.events import Confidence, ScriptValidated

from suture_approver import domain
from suture_approver.case import Case, Document, open_case
from suture_approver.history import History
from suture_approver.policy import Policy
from suture_approver.record import Record

_ATTEMPTS = 5
_FORMER = 50


def utc_now() -> datetime:
    return datetime.now(UTC)


class Approver:
    """Moves approvals on; each step is one guarded write of one document, with its events."""

    def __init__(
        self,
        record: Record,
        history: History,
        signer: Signer,
        trust: TrustStore,
        policy: Policy,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.record = record
        self.approvals = record.approvals
        self.history = history
        self.signer = signer
        self.trust = trust
        self.policy = policy
        self.now = now

    def verdict_on(self, validated: ScriptValidated) -> Verdict:
        """The validator's verdict, verified against the very script. Raises ``PermanentError``."""
        script = validated.script
        verdict = unseal(
            validated.verdict,
            self.trust,
            signed_by="validator",
            subject_sha256=script.sha256,
            predicate_type=VERDICT,
            model=Verdict,
        )
        for field, said, true in (
            ("script_id", verdict.script_id, script.script_id),
            ("revision", verdict.revision, script.revision),
            ("ruleset", verdict.ruleset, validated.ruleset),
            ("is_valid", verdict.is_valid, True),
        ):
            if said != true:
                raise PermanentError(
                    f"the verdict says {said} of this script, not {true}",
                    field=f"verdict.{field}",
                    remedy="have this very revision validated",
                )
        return verdict

    async def assess(self, received: Received[ScriptValidated]) -> None:
        """Open the case of a validated script; a newer revision takes the place of an older one."""
        case = await self._case(received, denied_before=False)
        document, events = open_case(case, self.policy, self.signer, received.body, self.now())
        try:
            await self.approvals.insert(document, events=events, cause=received)
            if document["state"] == "approved":
                self.record.remember(document)
        except Conflict as conflict:
            await self._supersede(received, conflict.current)

    async def _supersede(self, received: Received[ScriptValidated], current: Document) -> None:
        revision = received.message.script.revision
        for _ in range(_ATTEMPTS):
            current = await self.record.settled(current)
            if current["revision"] >= revision or not _replaceable(current):
                return
            denied = current["denial"] is not None or current["denied_before"]
            case = await self._case(received, denied_before=denied)
            document, events = open_case(
                case, self.policy, self.signer, received.body, self.now(), current["sequence"]
            )
            id = document.pop("_id")
            former = [*current["former_approvals"], current["approval_id"]]
            document["former_approvals"] = former[-_FORMER:]
            guard = {"sequence": current["sequence"], "execution_sequence": current["execution_sequence"]}
            try:
                self.record.forget(current["approval_id"])
                await self.approvals.update(
                    id, guard=guard, change={"$set": document}, events=events, cause=received
                )
                return
            except Conflict as conflict:
                current = conflict.current
        raise TemporaryError("the approval keeps changing")

    async def _case(self, received: Received[ScriptValidated], *, denied_before: bool) -> Case:
        validated = received.message
        verdict = self.verdict_on(validated)
        targets = _targets_of(validated)
        confidence = await self._confidence(validated, verdict, targets, denied_before)
        required = self.policy.approvers.of(confidence.level)
        approval_id = _approval_id(validated)
        return Case(
            validated, approval_id, verdict, targets, confidence, required, received.caused(), denied_before
        )

    async def _confidence(
        self, validated: ScriptValidated, verdict: Verdict, targets: tuple[str, ...], denied_before: bool
    ) -> Confidence:
        now, breaker = self.now(), self.policy.breaker
        histories = {target: await self.history.of_target(target) for target in targets}
        records = [history.succeeded for history in histories.values()]
        if validated.template is not None:
            records.append(await self.history.of_template(validated.template.id))
        report = validated.report
        evidence = domain.Evidence(
            origin=validated.origin,
            complexity=validated.complexity,
            safety_score=verdict.safety_score,
            reversibility=verdict.reversibility,
            template_proven=validated.template_proven,
            warnings=max(len(report.warnings), sum(f.severity == "warning" for f in report.findings)),
            claimed=validated.confidence_parts,
            rca_confidence=validated.finding.confidence,
            track_record=domain.track_record(*records),
            blocked_targets=tuple(
                t for t, h in histories.items() if domain.is_blocked(h.failures, now, breaker)
            ),
            removed_targets=tuple(t for t, h in histories.items() if h.removed),
            denied_before=denied_before,
        )
        return domain.assess(evidence, self.policy)

    def restored(self, document: Document) -> Case:
        """The case of a document that still waits, from the script's message that it kept, verified again."""
        validated = ScriptValidated.model_validate_json(document["validated"])
        return Case(
            validated,
            _approval_id(validated),
            self.verdict_on(validated),
            tuple(document["targets"]),
            Confidence.model_validate(document["confidence"]),
            document["approvers_required"],
            document["cause"],
            document["denied_before"],
            document.get("seen", {}),
        )


def _targets_of(validated: ScriptValidated) -> tuple[str, ...]:
    """The targets that the script's own bytes name: what is signed is about these, not about the event's."""
    try:
        named = validated.script.parse().targets
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise PermanentError(
            f"the script's document is malformed: {first['msg']}",
            field=".".join(("script.document", *map(str, first["loc"]))),
            remedy="correct that field of the script document, digest it anew and validate it again",
        ) from None
    if len(set(named)) != len(named) or set(named) != {target.id for target in validated.targets}:
        raise PermanentError(
            "the script names other targets than the event describes",
            field="targets",
            remedy="generate the script for the targets that the finding resolves to",
        )
    return named


def _approval_id(validated: ScriptValidated) -> UUID:
    return ids.approval_id(validated.script.script_id, validated.script.revision)


def _replaceable(current: Document) -> bool:
    execution = current["execution"]
    return domain.is_replaceable(current["state"], execution and execution["outcome"])
