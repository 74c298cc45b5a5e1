"""Use cases: a script for an analysis, the next one after a refusal, the outcomes for later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from structlog.typing import FilteringBoundLogger
from suture_chassis.errors import Conflict, TemporaryError
from suture_chassis.messages import Received
from suture_chassis.store import Store
from suture_contracts import ids
from suture_contracts.base import RemediationEvent
from suture_contracts.events import (
    ExecutionCompleted,
    RcaAnalyzed,
    ScriptGenerated,
    ScriptLapsed,
    ScriptRejected,
)
from suture_contracts.script import Script

from suture_generator.books import StoredSpending, account_of
from suture_generator.domain import (
    MODEL_ORIGINS,
    Ask,
    Made,
    Place,
    Planner,
    Step,
    again,
    changes_of,
    differs_in_budget_alone,
    failed,
    generated,
    history_of,
    reused,
)
from suture_generator.metrics import Metrics

SCRIPTS = "generative_remediation_scripts"
OUTCOMES = "generation_outcomes"
MAX_REFUSAL_FINDINGS = 50
MOST_LOOKED_AT = 20
_TRIES = 5
LINGER_SECONDS = 0.25
"""Outcomes are kept for later: nobody waits for them, and many share a write."""


class Generator:
    """Owns the scripts. ``on_ask`` is told the id of each document that a model is to work on."""

    def __init__(
        self,
        store: Store,
        planner: Planner,
        log: FilteringBoundLogger,
        on_ask: Callable[[str], None],
        metrics: Metrics,
    ) -> None:
        self._collection = store.collection(SCRIPTS)
        self._scripts = store.documents(SCRIPTS)
        self._outcomes = store.documents(OUTCOMES, events=False, linger=LINGER_SECONDS)
        self._outcome_collection = store.collection(OUTCOMES)
        self._spending = StoredSpending(store)
        self._planner = planner
        self._log = log
        self._on_ask = on_ask
        self._metrics = metrics

    async def prepare(self) -> None:
        await self._collection.create_index("state")
        await self._collection.create_index("fingerprint")
        await self._collection.create_index("left_by")
        await self._outcome_collection.create_index([("template", 1), ("state", 1)])
        await self._outcome_collection.create_index("script_id")

    async def generate(self, analysis: RcaAnalyzed, cause: Received[RcaAnalyzed]) -> None:
        """The first script of an analysis, or the next revision where it was judged again."""
        id = str(ids.script_id(analysis.remediation_id))
        step = self._planner.first(analysis)
        if not isinstance(step, Made):
            step = await self._succeeded_before(id, analysis) or step
        place = Place(ids.script_id(analysis.remediation_id), 1, 0, cause.caused())
        of_analysis = {
            "analysis": cause.body,
            "analysis_sequence": analysis.sequence,
            "fingerprint": analysis.finding.fingerprint,
            "refusal": None,
        }
        empty = {
            "revision": 0,
            "published": 0,
            "origin": None,
            "template": None,
            "document": None,
            "sha256": None,
        }
        events = self._events(step, analysis, place)
        document = {
            "_id": id,
            "remediation_id": str(analysis.remediation_id),
            **empty,
            **of_analysis,
            **changes_of(step, place, _script_of(events)),
        }
        try:
            await self._scripts.insert(document, events=events, cause=cause)
            self._count(events)
        except Conflict as conflict:
            await self._generate_again(conflict.current, step, analysis, of_analysis, cause)
        if isinstance(step, Ask):
            self._on_ask(id)

    async def _succeeded_before(self, id: str, analysis: RcaAnalyzed) -> Made | None:
        """The script of an equal finding whose last run succeeded; templates need none."""
        query = {
            "fingerprint": analysis.finding.fingerprint,
            "state": "generated",
            "origin": {"$in": list(MODEL_ORIGINS)},
            "reversibility": {"$exists": True},
            "_id": {"$ne": id},
        }
        equal = await self._collection.find(query).sort("_id", 1).to_list(MOST_LOOKED_AT)
        for document in equal:
            of_it = {"script_id": document["_id"], "revision": document["revision"]}
            runs = await self._outcome_collection.find(of_it).sort("at", -1).to_list(1)
            if runs and runs[0]["state"] == "succeeded":
                return reused(document, analysis)
        return None

    async def after_refusal(self, rejected: ScriptRejected, cause: Received[ScriptRejected]) -> None:
        """The next attempt; a refusal of an older revision, or a final one, changes nothing."""
        if rejected.final:
            return
        id = str(rejected.script.script_id)
        document = await self._scripts.get(id)
        if document is None or document["revision"] != rejected.script.revision:
            self._log.info("refusal_is_stale", script_id=id, revision=rejected.script.revision)
            return
        analysis = RcaAnalyzed.model_validate_json(document["analysis"])
        history = history_of(document["history"]).and_tried(_refused(document["origin"], rejected))
        step = self._planner.after_refusal(analysis, document["origin"], history)
        refusal = {
            "document": rejected.script.document,
            "findings": [asdict(finding) for finding in rejected.report.findings[:MAX_REFUSAL_FINDINGS]],
        }
        guard = {"state": "generated", "revision": rejected.script.revision}
        await self.advance(document, step, analysis, cause.caused(), guard, cause, {"refusal": refusal})
        if isinstance(step, Ask):
            self._on_ask(id)

    async def after_lapse(self, lapsed: ScriptLapsed, cause: Received[ScriptLapsed]) -> None:
        """The same script as the next revision, to be validated anew; an older revision changes nothing."""
        id = str(lapsed.script_id)
        document = await self._scripts.get(id)
        text = await self._scripts.newest_event(id, ScriptGenerated.TYPE)
        if document is None or text is None or document["revision"] != lapsed.revision:
            self._log.info("lapse_is_stale", script_id=id, revision=lapsed.revision)
            return
        place = Place(lapsed.script_id, lapsed.revision + 1, document["published"], cause.caused())
        event = again(ScriptGenerated.model_validate_json(text), place)
        change = {"revision": place.revision, "published": place.sequence + 1, "cause": place.cause}
        guard = {"state": "generated", "revision": lapsed.revision, "published": place.sequence}
        try:
            await self._scripts.update(id, guard=guard, change={"$set": change}, events=[event], cause=cause)
        except Conflict as conflict:
            self._log.info("script_moved_on", script_id=id, state=conflict.current.get("state"))

    async def advance(
        self,
        document: dict[str, Any],
        step: Step,
        analysis: RcaAnalyzed,
        caused: dict[str, str],
        guard: dict[str, Any],
        cause: Received[Any] | None = None,
        also: dict[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """Moves a document on by one step; where it moved on meanwhile, returns it as it is."""
        script_id = ids.script_id(analysis.remediation_id)
        place = Place(script_id, document["revision"] + 1, document["published"], caused)
        events = self._events(step, analysis, place)
        change = {"$set": {**(also or {}), **changes_of(step, place, _script_of(events))}}
        try:
            await self._scripts.update(
                document["_id"],
                guard={**guard, "published": place.sequence},
                change=change,
                events=events,
                cause=cause,
            )
            self._count(events)
        except Conflict as conflict:
            if not conflict.current:
                raise
            self._log.info("script_moved_on", script_id=document["_id"], state=conflict.current.get("state"))
            return conflict.current
        return None

    async def keep_outcome(self, completed: ExecutionCompleted, cause: Received[ExecutionCompleted]) -> None:
        """What became of a script, by its template: the track record, and what may be used again."""
        template = completed.template
        outcome = {
            "_id": f"{completed.execution_id}:{completed.mode}:{completed.sequence}",
            "state": completed.outcome,
            "script_id": str(completed.script_id),
            "revision": completed.revision,
            "template": f"{template.id}:{template.revision}" if template else None,
            "at": cause.time,
        }
        await self._outcomes.insert(outcome, cause=cause)

    async def _generate_again(
        self,
        document: dict[str, Any],
        step: Step,
        analysis: RcaAnalyzed,
        of_analysis: dict[str, Any],
        cause: Received[RcaAnalyzed],
    ) -> None:
        current: dict[str, Any] | None = document
        for _ in range(_TRIES):
            if current is None:
                return
            if current["analysis_sequence"] >= analysis.sequence:
                self._log.info("analysis_is_stale", script_id=current["_id"], sequence=analysis.sequence)
                return
            guard = {"analysis_sequence": {"$lt": analysis.sequence}}
            stored = RcaAnalyzed.model_validate_json(current["analysis"])
            if current.get("left_by") is None and differs_in_budget_alone(stored, analysis):
                current = await self._take_budget(current, analysis, guard, cause)
                continue
            current = await self.advance(current, step, analysis, cause.caused(), guard, cause, of_analysis)
        raise TemporaryError(f"script {document['_id']} changes faster than it can be written")

    async def _take_budget(
        self,
        document: dict[str, Any],
        analysis: RcaAnalyzed,
        guard: dict[str, Any],
        cause: Received[RcaAnalyzed],
    ) -> dict[str, Any] | None:
        """Models that are asked from here on are held to it; as ``advance`` where it changed meanwhile."""
        change = {"$set": {"analysis": cause.body, "analysis_sequence": analysis.sequence}}
        try:
            await self._scripts.update(
                document["_id"],
                guard={**guard, "left_by": document.get("left_by")},
                change=change,
                events=[],
                cause=cause,
            )
        except Conflict as conflict:
            return conflict.current
        return None

    async def spending(self, budget_id: str) -> dict[str, Any]:
        """What models took for a batch, and how many of its remediations wait for more of its budget."""
        tokens, usd = await self._spending.of(account_of(budget_id))
        left = await self._collection.count_documents({"left_by": budget_id})
        return {"tokens": tokens, "usd": round(usd, 6), "left": left}

    def _count(self, events: Sequence[RemediationEvent]) -> None:
        for event in events:
            if isinstance(event, ScriptGenerated):
                self._metrics.generated(event.origin, event.confidence_parts, event.model)
            else:
                self._metrics.failed()

    def _events(self, step: Step, analysis: RcaAnalyzed, place: Place) -> list[RemediationEvent]:
        if isinstance(step, Ask):
            return []
        if isinstance(step, Made):
            return [generated(step, analysis, place, self._planner.has_model)]
        return [failed(step, analysis, place)]


def _script_of(events: Sequence[RemediationEvent]) -> Script | None:
    return next((event.script for event in events if isinstance(event, ScriptGenerated)), None)


def _refused(origin: str, rejected: ScriptRejected) -> str:
    rules = sorted({finding.rule_id for finding in rejected.report.findings if finding.severity == "error"})
    return f"{origin} script, revision {rejected.script.revision}: refused for {', '.join(rules)}"
