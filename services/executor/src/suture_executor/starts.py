"""What people and agents ask for: to start what was approved, to keep what they saw."""

from __future__ import annotations

from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from suture_chassis.documents import Documents
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_contracts.base import Reply
from suture_contracts.commands import Execute, ReportResult

from suture_executor import domain
from suture_executor.executions import Document
from suture_executor.reconciler import Reconciler
from suture_executor.targets import Targets


class Starts:
    """A start may be asked for before its approval comes, or after."""

    def __init__(
        self,
        documents: Documents,
        collection: AsyncCollection[dict[str, Any]],
        requests: Documents,
        reports: Documents,
        targets: Targets,
        reconciler: Reconciler,
        instance: str,
    ) -> None:
        self._documents = documents
        self._collection = collection
        self._requests = requests
        self._reports = reports
        self._targets = targets
        self._reconciler = reconciler
        self._instance = instance

    async def execute(self, received: Received[Execute]) -> Reply:
        """Start the script's execution, or as soon as it is approved. Asked again, it is the same start."""
        command = received.message
        script_id, principal = str(command.script_id), command.principal
        latest = await self._latest(script_id)
        if latest is not None:
            self._check_owner(latest, principal.role, principal.id)
        if latest is None or latest["state"] == "ready":
            request = {
                "_id": script_id, "state": "requested", "principal": principal.model_dump(mode="json"),
                "at": received.time,
            }  # fmt: skip
            try:
                await self._requests.insert(request, cause=received)
            except Conflict:
                pass  # asked for before
            latest = await self.start_if_asked(script_id) or latest
        if latest is None:
            return Reply(status=202, body={"execution_id": None, "state": "awaiting_approval"})
        return Reply(
            status=202,
            body={"execution_id": latest["_id"], "state": latest["state"], "outcome": latest["outcome"]},
        )

    async def report(self, received: Received[ReportResult]) -> Reply:
        """Keep what an agent says of its own run: a report, never a proof."""
        command = received.message
        report = {
            "_id": f"{command.script_id}:{command.principal.id}:{command.command_id}",
            "state": "reported",
            "script_id": str(command.script_id),
            "principal": command.principal.model_dump(mode="json"),
            "report": command.model_dump(
                mode="json", include={"status", "output", "error", "duration_seconds", "confidence"}
            ),
            "at": received.time,
        }
        await self._reports.insert(report, cause=received)
        return Reply(status=200, body={"script_id": str(command.script_id), "recorded": True})

    async def start_if_asked(self, script_id: str) -> Document | None:
        """Queue what is ready and asked for. Both sides write first and look then: one sees the other."""
        request = await self._requests.get(script_id)
        ready = await self._latest(script_id)
        if request is None or ready is None or ready["state"] != "ready":
            return ready
        principal = request["principal"]
        self._check_owner(ready, principal["role"], principal["id"])
        try:
            # Who was asked runs it: the one that took the approval would drive it as well.
            change = {"state": "queued", "instance": self._instance}
            await self._documents.update(ready["_id"], guard={"state": "ready"}, change={"$set": change})
        except Conflict as conflict:
            return conflict.current
        ready |= change
        self._reconciler.drive(ready, new=True)
        return ready

    async def _latest(self, script_id: str) -> Document | None:
        """The execution of the script's newest approved revision."""
        try:
            return await self._collection.find_one(
                {"script_id": script_id, "kind": "apply"}, {"inbox": 0, "outbox": 0}, sort=[("revision", -1)]
            )
        except PyMongoError as error:
            raise TemporaryError(f"the store did not answer: {type(error).__name__}") from error

    def _check_owner(self, document: Document, role: str, principal: str) -> None:
        found = [self._targets.find(target) for target in document["targets"]]
        if not domain.may_ask(role, principal, [target.owner if target else "" for target in found]):
            raise PermanentError(
                "an agent starts scripts on its own targets alone",
                field="script_id",
                remedy="ask the targets' owner, an operator or a supervisor",
                status=403,
            )
