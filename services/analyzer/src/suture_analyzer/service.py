"""Use cases: judge a finding, judge it again when its target is registered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from structlog.typing import FilteringBoundLogger
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_chassis.store import Store, Written
from suture_contracts import ids
from suture_contracts.base import Start
from suture_contracts.commands import Batch
from suture_contracts.events import Budget, RcaAnalyzed
from suture_contracts.findings import VulnerabilityReported
from suture_contracts.target import Target

from suture_analyzer.domain import (
    Request,
    TooManyTargets,
    UnfitTarget,
    analyse,
    budget_of,
    changes_of,
    counted,
    document_of,
    event_of,
    is_storming,
    names_of,
)
from suture_analyzer.shelf import Shelf
from suture_analyzer.storms import Storms
from suture_analyzer.targets import Targets

ANALYSES = "analyses"
VULNERABILITIES = "vulnerabilities"
BATCH_SOURCE = "suture:batch"
_AGAIN = {"request": 1, "sequence": 1, "cause": 1}


class Analyzer:
    """Owns ``analyses`` and ``vulnerabilities``."""

    def __init__(
        self, store: Store, targets: Targets, shelf: Shelf, storms: Storms, log: FilteringBoundLogger
    ) -> None:
        self._collection = store.collection(ANALYSES)
        self._analyses = store.documents(ANALYSES)
        self._vulnerabilities = store.documents(VULNERABILITIES)
        self._reports = store.collection(VULNERABILITIES)
        self._targets = targets
        self._shelf = shelf
        self._storms = storms
        self._log = log

    async def prepare(self) -> None:
        await self._collection.create_index([("needs_target", 1), ("systems", 1)])
        await self._collection.create_index("fingerprint")
        await self._reports.create_index("severity")
        await self._reports.create_index("vulnerability_id")

    async def open_remediation(self, request: Request, cause: Received[Any], *, is_new: bool = True) -> UUID:
        """Judges a request and publishes what came of it; the same message opens the same remediation.

        ``is_new``: a vulnerability that was reported now, not one that is known already.
        """
        remediation_id = ids.remediation_id(cause.source, cause.id)
        if is_new and isinstance(request.message, VulnerabilityReported):
            await self._keep_vulnerability(remediation_id, request.message, cause)
        targets = self._resolve(request)
        analysis = analyse(request, targets, self._shelf.templates)
        repeats = None
        if is_storming(request, analysis):
            repeats = await self._storms.first_of(analysis.finding.fingerprint, remediation_id, cause)
            analysis = analysis if repeats is None else counted(analysis, repeats)
        caused = cause.caused()
        document = document_of(remediation_id, caused, request, analysis, targets)
        event = event_of(remediation_id, 0, caused, request, analysis, targets, repeats)
        written = await self._analyses.insert(document, events=[event], cause=cause)
        if written is Written.DUPLICATE:
            await self._must_be_same(remediation_id, request)
        elif document["needs_target"] and self._targets.registry.resolve(request):
            # The target came while this was written, and its event did not see this analysis yet.
            await self._judge_again(document, caused, None)
        return remediation_id

    async def open_batch(self, command: Batch, cause: Received[Any]) -> dict[str, Any]:
        """A remediation for each reported vulnerability of the filter; the same again opens the same.

        One that was opened on that day already stays as it was opened: ``start`` of each says how.
        """
        query = _meant_by(command)
        found = await self._reports.find(query).sort("_id", 1).to_list(command.limit + 1)
        opened, seen, budget = [], set(), budget_of(command)
        for document in found[: command.limit]:
            report = VulnerabilityReported.model_validate(document)
            said = f"{report.vulnerability_id}:{report.package}:{','.join(sorted(report.affected_systems))}"
            if said in seen:
                continue
            seen.add(said)
            one = replace(cause, source=BATCH_SOURCE, id=f"{command.day}:{ids.sha256(said.encode())}")
            request = Request(report, command.start, command.principal, budget)
            start: Start = command.start
            try:
                remediation_id = await self.open_remediation(request, one, is_new=False)
            except Conflict as conflict:
                remediation_id = UUID(conflict.current["remediation_id"])
                start = conflict.current["start"]
            if budget is not None:
                await self._take_budget(remediation_id, budget, one)
            named = {"vulnerability_id": report.vulnerability_id, "package": report.package, "start": start}
            script_id = str(ids.script_id(remediation_id))
            opened.append({**named, "remediation_id": str(remediation_id), "script_id": script_id})
        after = found[command.limit - 1]["_id"] if len(found) > command.limit else None
        return {
            "remediations": opened,
            "next": after,
            "budget": budget.model_dump(mode="json") if budget else None,
        }

    async def _take_budget(self, remediation_id: UUID, budget: Budget, cause: Received[Any]) -> None:
        """Publishes again what was opened with another budget: what was left for want of it goes on."""
        id = str(remediation_id)
        stored, text = await self._analyses.get(id), await self._analyses.newest_event(id, RcaAnalyzed.TYPE)
        if stored is None or text is None or stored["request"].get("budget") == budget.model_dump():
            return
        sequence = stored["sequence"] + 1
        change = {"sequence": sequence, "budget": budget, **cause.caused()}
        event = RcaAnalyzed.model_validate_json(text).model_copy(update=change)
        try:
            await self._analyses.update(
                id,
                guard={"sequence": stored["sequence"]},
                change={"$set": {"sequence": sequence, "request.budget": budget.model_dump()}},
                events=[event],
            )
        except Conflict as conflict:
            raise TemporaryError(f"remediation {id} was judged again meanwhile") from conflict

    async def target_came(self, target: Target, cause: Received[Any]) -> None:
        """Judges again what waits for this target."""
        waits_for_owner = {"owner": target.owner, "systems": []}
        waits_for_name = {"systems": {"$in": list(names_of(target))}}
        query = {"needs_target": True, "$or": [waits_for_name, waits_for_owner]}
        await self._judge_waiting(query, cause)

    async def judge_waiting(self) -> None:
        """Judges again whatever waits for a target that another replica has learned of."""
        await self._judge_waiting({"needs_target": True}, None)

    async def _judge_waiting(self, query: dict[str, Any], cause: Received[Any] | None) -> None:
        waiting = await self._collection.find(query, _AGAIN).to_list(None)
        for document in waiting:
            request = Request.of(document["request"])
            if self._targets.registry.resolve(request):
                await self._judge_again(document, cause.caused() if cause else document["cause"], cause)

    async def _judge_again(
        self, document: dict[str, Any], caused: dict[str, str], cause: Received[Any] | None
    ) -> None:
        request = Request.of(document["request"])
        targets = self._resolve(request)
        analysis = analyse(request, targets, self._shelf.templates)
        sequence = document["sequence"] + 1
        event = event_of(UUID(document["_id"]), sequence, caused, request, analysis, targets)
        try:
            await self._analyses.update(
                document["_id"],
                guard={"sequence": document["sequence"], "needs_target": True},
                change={"$set": changes_of(sequence, analysis, targets)},
                events=[event],
                cause=cause,
            )
        except Conflict:
            self._log.info("judged_by_another", remediation_id=document["_id"])

    async def _keep_vulnerability(
        self, remediation_id: UUID, vulnerability: VulnerabilityReported, cause: Received[Any]
    ) -> None:
        report = vulnerability.model_dump(mode="json")
        await self._vulnerabilities.insert(
            {"_id": str(remediation_id), "state": "reported", **report}, cause=cause
        )

    async def _must_be_same(self, remediation_id: UUID, request: Request) -> None:
        stored = await self._analyses.get(str(remediation_id))
        if stored is not None and stored["request_digest"] != request.digest():
            raise Conflict(
                "another finding was sent under this id",
                current={
                    "remediation_id": str(remediation_id),
                    "state": stored["state"],
                    "start": stored["request"]["start"],
                },
                field="id",
                remedy="give each finding an id of its own",
            )

    def _resolve(self, request: Request) -> tuple[Target, ...]:
        try:
            return self._targets.registry.resolve(request)
        except TooManyTargets as error:
            raise PermanentError(
                str(error), field="affected_systems", remedy="submit one finding per group of systems"
            ) from error
        except UnfitTarget as error:
            raise PermanentError(
                str(error),
                field="script.targets",
                remedy="'suture targets list' shows the targets and what they take",
                status=422,
            ) from error


def _meant_by(command: Batch) -> dict[str, Any]:
    query: dict[str, Any] = {"_id": {"$gt": str(command.after)}} if command.after else {}
    if command.vulnerability_id is not None:
        return {**query, "vulnerability_id": command.vulnerability_id}
    return {**query, "severity": {"$in": list(command.severities)}}
