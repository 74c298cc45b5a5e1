"""Model calls: claimed in the store before they are made, bounded in number, taken up after a crash."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from structlog.typing import FilteringBoundLogger
from suture_chassis.store import Store
from suture_contracts.events import Budget, ModelUse, RcaAnalyzed
from suture_contracts.report import SafetyFinding
from suture_contracts.script import ScriptDocument
from suture_generation.authoring import Authored, Refusal, Task
from suture_generation.filling import fill_or_write
from suture_generation.providers import ModelError, Provider, why_spent
from suture_generation.providers.prices import cost_usd

from suture_generator.books import StoredSpending, Texts, account_of
from suture_generator.domain import History, Made, Planner, Step, history_of
from suture_generator.metrics import Metrics
from suture_generator.service import SCRIPTS, Generator

MAX_CLAIMS = 3
"""How often a call may be begun: one that ends the process each time must not do so for ever."""

_MOST_LOOKED_AT = 1_000


@dataclass(frozen=True, slots=True)
class Models:
    """Who is asked: ``novel`` where nothing is there yet, ``adapting`` where a template is.

    ``tokens`` and ``usd`` bound one remediation's calls, repairs included; 0 means no bound.
    """

    novel: Provider
    adapting: Provider
    tokens: int = 0
    usd: float = 0.0

    def of(self, analysis: RcaAnalyzed) -> Provider:
        return self.novel if analysis.template is None else self.adapting

    def spent_of(self, spent: dict[str, Any]) -> str | None:
        """Which budget of a remediation is spent, if one is."""
        taken = (spent.get("tokens", 0), spent.get("usd", 0.0))
        return why_spent("remediation", self.tokens, self.usd, taken)

    async def close(self) -> None:
        await self.novel.close()
        if self.adapting is not self.novel:
            await self.adapting.close()


class ModelWorker:
    """``deadline`` bounds one script's calls, in seconds; ``poll`` says how often the store is looked at."""

    def __init__(
        self,
        store: Store,
        models: Models,
        planner: Planner,
        log: FilteringBoundLogger,
        metrics: Metrics,
        *,
        instance: str,
        concurrency: int,
        deadline: float,
        poll: float = 5.0,
    ) -> None:
        self._collection = store.collection(SCRIPTS)
        self._models = models
        self._texts = Texts(store)
        self._spending = StoredSpending(store)
        self._planner = planner
        self._log = log
        self._metrics = metrics
        self._instance = instance
        self._deadline = deadline
        self._poll = poll
        self._free = asyncio.Semaphore(concurrency)
        self._waiting: asyncio.Queue[str] = asyncio.Queue()
        self._at_work: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, script_id: str) -> None:
        """A document waits for a model."""
        self._waiting.put_nowait(script_id)

    async def run(self, generator: Generator) -> None:
        """Works until cancelled; what a crash or another replica left is found by looking, now and then."""
        try:
            while True:
                for script_id in await self._next():
                    if script_id not in self._at_work:
                        await self._start(script_id, generator)
        except asyncio.CancelledError:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._models.close()
            raise

    async def _next(self) -> list[str]:
        if self._waiting.empty():
            # By state alone, as the index serves it; whether it is free is seen again when it is claimed.
            left = self._collection.find({"state": "generating"}, {"claim": 1}).limit(_MOST_LOOKED_AT)
            found = [document["_id"] async for document in left if self._is_claimable(document)]
            fresh = [script_id for script_id in found if script_id not in self._at_work]
            if fresh:
                return fresh
        try:
            async with asyncio.timeout(self._poll):
                return [await self._waiting.get()]
        except TimeoutError:
            return []

    async def _start(self, script_id: str, generator: Generator) -> None:
        await self._free.acquire()
        self._at_work.add(script_id)
        task = asyncio.create_task(self._work(script_id, generator))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, script_id: str, generator: Generator) -> None:
        try:
            document = await self._claim(script_id)
            if document is not None:
                analysis = RcaAnalyzed.model_validate_json(document["analysis"])
                step = await self._step(document, analysis)
                guard = {"state": "generating", "claim.at": document["claim"]["at"]}
                await generator.advance(document, step, analysis, document["cause"], guard)
        except Exception:
            # The document stays as it is: its claim ends, and the next look takes it up.
            self._log.exception("model_work_failed", script_id=script_id)
            await asyncio.sleep(self._poll)
        finally:
            self._at_work.discard(script_id)
            self._free.release()

    async def _claim(self, script_id: str) -> dict[str, Any] | None:
        """The document, ours to work on; ``None`` where somebody else does."""
        now = datetime.now(UTC)
        claim = {"by": self._instance, "at": now, "until": now + timedelta(seconds=2 * self._deadline)}
        claimed = await self._collection.update_one(
            {"_id": script_id, **self._claimable()},
            {"$set": {"claim": claim}, "$inc": {"attempts": 1}},
        )
        if claimed.matched_count == 0:
            return None
        return await self._collection.find_one({"_id": script_id}, {"inbox": 0, "outbox": 0})

    def _claimable(self) -> dict[str, Any]:
        # What this instance claimed and does not work on is from before a restart.
        free = [{"claim": None}, {"claim.by": self._instance}, {"claim.until": {"$lt": datetime.now(UTC)}}]
        return {"state": "generating", "$or": free}

    def _is_claimable(self, document: dict[str, Any]) -> bool:
        claim = document.get("claim")
        return claim is None or claim["by"] == self._instance or claim["until"] < datetime.now(UTC)

    async def _step(self, document: dict[str, Any], analysis: RcaAnalyzed) -> Step:
        history = history_of(document["history"])
        if document["attempts"] > MAX_CLAIMS:
            return self._planner.without_model(analysis, history.and_tried("model: no call of it ever ended"))
        if reason := self._models.spent_of(document.get("spent") or {}):
            return self._planner.without_model(analysis, history.and_tried(f"model: {reason}"))
        if reason := await self._spent_of_batch(analysis.budget):
            return self._planner.over_budget(analysis, reason, history)
        provider = self._models.of(analysis)
        try:
            async with asyncio.timeout(self._deadline):
                authored = await fill_or_write(provider, _task_of(document, analysis), self._planner.cache)
        except (ModelError, TimeoutError) as error:
            said = str(error) or f"no answer within {self._deadline:g} s"
            self._log.warning("model_failed", script_id=document["_id"], provider=provider.name, error=said)
            await self._failed(document, analysis, provider, error)
            return self._planner.without_model(analysis, history.and_tried(f"{provider.name}: {said}"))
        use = await self._use_of(authored)
        await self._charge(document, analysis, use.input_tokens + use.output_tokens, use.cost_usd)
        return _made(authored, use, analysis, history)

    async def _spent_of_batch(self, budget: Budget | None) -> str | None:
        if budget is None:
            return None
        spent = await self._spending.of(account_of(budget.id))
        return why_spent("batch", budget.tokens, budget.usd, spent)

    async def _failed(
        self,
        document: dict[str, Any],
        analysis: RcaAnalyzed,
        provider: Provider,
        error: ModelError | TimeoutError,
    ) -> None:
        sent, received = (
            (error.input_tokens, error.output_tokens) if isinstance(error, ModelError) else (0, 0)
        )
        usd = cost_usd(provider.name, provider.model, sent, received)
        self._metrics.model_failed(provider.name, provider.model, error, usd)
        await self._charge(document, analysis, sent + received, usd)

    async def _charge(self, document: dict[str, Any], analysis: RcaAnalyzed, tokens: int, usd: float) -> None:
        spent = {"spent.tokens": tokens, "spent.usd": usd}
        await self._collection.update_one({"_id": document["_id"]}, {"$inc": spent})
        if analysis.budget is not None:
            await self._spending.add(account_of(analysis.budget.id), tokens, usd)

    async def _use_of(self, authored: Authored) -> ModelUse:
        spent = authored.completion
        prompt, answer = await self._texts.keep(authored)
        return ModelUse(
            provider=spent.provider,
            model=spent.model,
            calls=spent.calls,
            input_tokens=spent.input_tokens,
            output_tokens=spent.output_tokens,
            cost_usd=cost_usd(spent.provider, spent.model, spent.input_tokens, spent.output_tokens),
            latency_ms=round(spent.latency_ms, 1),
            prompt_sha256=prompt,
            answer_sha256=answer,
        )


def _task_of(document: dict[str, Any], analysis: RcaAnalyzed) -> Task:
    stored = document["refusal"]
    refusal = None
    if stored is not None:
        findings = tuple(SafetyFinding(**finding) for finding in stored["findings"])
        refusal = Refusal(ScriptDocument.model_validate(json.loads(stored["document"])), findings)
    return Task(analysis.finding, analysis.targets, analysis.script_type, analysis.template, refusal)


def _made(authored: Authored, use: ModelUse, analysis: RcaAnalyzed, history: History) -> Made:
    return Made(
        document=authored.document,
        origin=authored.origin,
        reversibility=authored.reversibility,
        complexity=analysis.complexity,
        template=analysis.template,
        history=replace(history, model_scripts=history.model_scripts + 1),
        model=use,
    )
