"""Takes one execution from the state that it is in to its end; asked again after any crash."""

from __future__ import annotations

import asyncio
from typing import Any

from structlog.typing import FilteringBoundLogger
from suture_chassis.custody import Signer
from suture_chassis.store import Documents
from suture_contracts.base import Event
from suture_contracts.events import ExecutionOutcome, Mode, Run
from suture_contracts.target import Target

from suture_executor import domain, executions
from suture_executor.executions import Document, Rehearsed, utc_now
from suture_executor.locks import Locks
from suture_executor.metrics import Metrics
from suture_executor.runs import Runs
from suture_executor.stops import Stops
from suture_executor.targets import Targets


class Driver:
    """At most ``concurrency`` bodies run at once; an execution that waits for its targets does not count."""

    def __init__(
        self,
        documents: Documents,
        begun: Documents,
        targets: Targets,
        stops: Stops,
        locks: Locks,
        runs: Runs,
        signer: Signer,
        log: FilteringBoundLogger,
        metrics: Metrics,
        concurrency: int,
    ) -> None:
        self._documents = documents
        self._begun = begun
        self._targets = targets
        self._stops = stops
        self._locks = locks
        self._runs = runs
        self._signer = signer
        self._log = log
        self._metrics = metrics
        self._places = asyncio.Semaphore(concurrency)

    async def advance(self, document: Document, *, new: bool) -> None:
        """``new``: it was queued just now, so that it cannot have begun.

        Raises ``Conflict`` where the document changed meanwhile, ``TemporaryError`` without a store.
        """
        if not new and document["state"] == "queued":
            await self._recall(document)
        if document["kind"] == "rehearsal":
            await self._rehearse(document)
        elif document["state"] == "rolling_back":
            await self._with_locks(document, self._roll_back)
        elif document["state"] == "dispatching":
            await self._with_locks(document, self._adopt)
        elif document["state"] == "queued" and not self._stops.stopped(document["targets"]):
            await self._with_locks(document, self._start)
        elif domain.expired(document["not_after"], utc_now()):
            await self.refuse(document, "the approval expired before it was started")

    async def _recall(self, document: Document) -> None:
        """That an execution began is in a document of its own: its state is ``dispatching`` then."""
        begun = await self._begun.get(document["_id"])
        if begun is not None:
            _has_begun(document, begun)

    async def refuse(self, document: Document, detail: str) -> None:
        """End what has not started, as ``not_applied``."""
        runs = executions.refused_runs(document, detail)
        await self._record(document, "apply", "not_applied", runs)

    async def refusal(self, document: Document) -> str:
        """Why it cannot run on its targets as they are registered now, or nothing."""
        await self._targets.look_for(document["targets"])
        return domain.refusal(
            executions.script_of(document),
            self._targets.resolve(document["targets"]),
            self._runs.sandboxes.find,
        )

    def for_agents(self, document: Document) -> bool:
        """Whether an agent runs it, who needs all that was signed."""
        resolved = self._targets.resolve(document["targets"])
        return self._runs.sandboxes.are_agents(target for _, target in resolved)

    async def _with_locks(self, document: Document, act: Any) -> None:
        targets, id = document["targets"], document["_id"]
        waits = document["state"] == "queued"
        left = (document["not_after"] - utc_now()).total_seconds() if waits else None
        try:
            async with asyncio.timeout(None if left is None else max(left, 0) + 0.1):
                await self._locks.take(targets, id)
        except TimeoutError:
            await self.refuse(document, "the approval expired while other executions had the targets")
            return
        ended = False
        try:
            ended = await act(document)
        finally:
            if ended:
                await self._locks.give_back(targets, id)
            else:
                self._locks.leave(targets)

    async def _start(self, document: Document) -> bool:
        async with self._places:
            runs = await self._begin(document)
        # Its place is free for the next one while the end is written.
        return await self._end(document, runs) if runs is not None else True

    async def _begin(self, document: Document) -> list[Run] | None:
        """Runs it; None where it was refused, or is stopped."""
        if self._stops.stopped(document["targets"]):
            return None
        refusal = await self.refusal(document)
        if domain.expired(document["not_after"], utc_now()):
            refusal = "the approval expired before it was started"
        if refusal:
            await self.refuse(document, refusal)
            return None
        known = [target for _, target in self._targets.resolve(document["targets"]) if target is not None]
        event = executions.started(document, "apply")
        begun = {
            "_id": document["_id"],
            "state": "dispatching",
            "home": self._runs.sandboxes.of(known[0]).identity(),
            "reached": [target.model_dump(mode="json") for target in known],
            "sequence": event.sequence,
        }
        # A small document beside the large one costs a fraction of an update of it.
        await self._begun.insert(begun, events=[event])
        _has_begun(document, begun)
        return await self._runs.apply(document, known)

    async def _adopt(self, document: Document) -> bool:
        if document["home"] != self._runs.sandboxes.of(_reached(document)[0]).identity():
            detail = "started in another place, which this executor cannot see"
            runs = [Run(target=target, outcome="unknown", detail=detail) for target in document["targets"]]
            return await self._record(document, "apply", "unknown", runs)
        self._log.info("adopted", execution=document["_id"])
        async with self._places:
            runs = await self._runs.apply(document, _reached(document))
        return await self._end(document, runs)

    async def _end(self, document: Document, runs: list[Run]) -> bool:
        return await self._record(document, "apply", domain.verdict_of(runs), runs)

    async def _roll_back(self, document: Document) -> bool:
        if document["home"] != self._runs.sandboxes.of(_reached(document)[0]).identity():
            detail = "the snapshot is in another place, which this executor cannot see"
            runs = [
                Run(target=target, outcome="rollback_failed", detail=detail) for target in document["targets"]
            ]
        else:
            async with self._places:
                runs = await self._runs.roll_back(document, _reached(document))
        return await self._record(document, "rollback", domain.rolled_back(runs), runs)

    async def _record(
        self, document: Document, mode: Mode, outcome: ExecutionOutcome, runs: list[Run] | tuple[Run, ...]
    ) -> bool:
        """Store and publish the end; false where the targets must stay locked."""
        fitted = domain.fitted(runs)
        runner = "none" if document["state"] in domain.WAITING else str(document["home"]["sandbox"])
        event = executions.completed(document, mode, outcome, fitted, runner, self._signer)
        change: dict[str, Any] = {"state": outcome, "outcome": outcome, "sequence": event.sequence}
        change["runs" if mode == "apply" else "rollback_runs"] = [
            run.model_dump(mode="json") for run in fitted
        ]
        if "before" in document:
            change |= {name: document[name] for name in ("home", "reached")}
        await self._move(document, {**change, "ended_at": utc_now()}, [event])
        self._metrics.ended(mode, outcome)
        if outcome in ("unknown", "rollback_failed"):
            self._log.error("needs_an_operator", execution=document["_id"], outcome=outcome)
        if runner != "none":
            modes: tuple[Mode, ...] = ("apply", "rollback") if len(fitted) > 1 else (mode,)
            await self._runs.forget(document, _reached(document), modes)
        return outcome != "unknown"

    async def _rehearse(self, document: Document) -> None:
        if self._stops.stopped(document["targets"]):
            return
        refusal = await self.refusal(document)
        targets = [target for _, target in self._targets.resolve(document["targets"]) if target is not None]
        if refusal:
            rehearsed = Rehearsed("unavailable", detail=refusal, missing=(refusal,))
        else:
            async with self._places:
                rehearsed = await self._runs.rehearse(document, targets)
        outcome, event = rehearsed.outcome, executions.rehearsed(document, rehearsed)
        change = {"state": "rehearsed", "outcome": outcome, "sequence": event.sequence, "ended_at": utc_now()}
        await self._move(document, change, [event])
        if not refusal:
            await self._runs.forget(document, targets, ("rehearse",))

    async def _move(self, document: Document, change: dict[str, Any], events: list[Event]) -> None:
        before = document.get("before", document)
        # Of another instance by now: that one writes what comes next.
        guard = {name: before[name] for name in ("state", "sequence")} | {"instance": document["instance"]}
        await self._documents.update(document["_id"], guard=guard, change={"$set": change}, events=events)
        document.update(change)
        document.pop("before", None)


def _has_begun(document: Document, begun: Document) -> None:
    """``before`` is what the stored document still says."""
    before = {name: document[name] for name in ("state", "sequence")}
    document.update(begun, before=before)


def _reached(document: Document) -> list[Target]:
    return [Target.model_validate(target) for target in document["reached"]]
