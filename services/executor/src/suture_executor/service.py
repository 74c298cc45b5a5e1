"""Use cases: take an approval, a rehearsal, an order to roll back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from suture_chassis.custody import RevokedKey, Signer, TrustStore
from suture_chassis.documents import Documents, Written
from suture_chassis.errors import Conflict, PermanentError
from suture_chassis.messages import Received
from suture_contracts import ids
from suture_contracts.base import Event
from suture_contracts.events import ExecutionRefused, RehearsalRequested, RollbackRequested, ScriptApproved

from suture_executor import custody, domain, executions
from suture_executor.driver import Driver
from suture_executor.executions import Document, utc_now
from suture_executor.reconciler import Reconciler
from suture_executor.starts import Starts


class Executor:
    """Each use case is one guarded write; what is to be run is handed to the reconciler."""

    def __init__(
        self,
        documents: Documents,
        refusals: Documents,
        starts: Starts,
        driver: Driver,
        reconciler: Reconciler,
        signer: Signer,
        trust: TrustStore,
        instance: str,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._documents = documents
        self._refusals = refusals
        self._starts = starts
        self._driver = driver
        self._reconciler = reconciler
        self._signer = signer
        self._trust = trust
        self._instance = instance
        self._now = now

    async def take_approval(self, received: Received[ScriptApproved]) -> None:
        """Verify the chain and take the execution on; what cannot run here ends ``not_applied`` at once.

        Where a key was revoked or expired since, the approver is told, and the script is validated anew.
        """
        try:
            granted = custody.grant(received.message, self._trust)
        except RevokedKey as error:
            approved = received.message
            await self._refuse(received, approved.approval_id, approved.approval_id, error.reason)
            return
        custody.check_opening(granted.approval, self._now())
        id = ids.execution_id(granted.approval.approval_id)
        document = executions.of_approval(id, received, granted, self._instance)
        expired = domain.expired(granted.approval.not_after, self._now())
        problem = "the approval expired before it came" if expired else await self._driver.refusal(document)
        if self._driver.for_agents(document):
            document["statements"] = executions.statements(received.message)
        if problem:
            await self._end_at_once(document, problem, received)
        else:
            written = await self._insert(document, received)
            if document["state"] == "queued":
                self._go_on(document, written)
            else:
                await self._starts.start_if_asked(document["script_id"])
        if expired:
            raise PermanentError(
                f"the approval expired at {granted.approval.not_after.isoformat()}",
                field="approval.not_after",
                remedy="have the script approved again",
            )

    async def _refuse(
        self,
        received: Received[ScriptApproved] | Received[RehearsalRequested],
        id: UUID,
        approval_id: UUID,
        reason: str,
    ) -> None:
        """``id`` is of what is refused: of the approval, or of the rehearsal that comes before it."""
        message = received.message
        refused = ExecutionRefused(
            remediation_id=message.remediation_id,
            sequence=0,
            **received.caused(),
            approval_id=approval_id,
            script_id=message.script.script_id,
            revision=message.script.revision,
            reason=reason[:20_000],
        )
        document = {"_id": str(id), "state": "refused", "reason": reason, "at": self._now()}
        await self._refusals.insert(document, events=(refused,), cause=received)

    async def take_rehearsal(self, received: Received[RehearsalRequested]) -> None:
        """Verify the verdict and rehearse; a key that was revoked since is told as by ``take_approval``."""
        asked = received.message
        try:
            found = custody.rehearsable(asked, self._trust)
        except RevokedKey as error:
            approval_id = ids.approval_id(asked.script.script_id, asked.script.revision)
            await self._refuse(received, asked.rehearsal_id, approval_id, error.reason)
            return
        document = executions.of_rehearsal(received, found, self._instance)
        if self._driver.for_agents(document):
            document["statements"] = executions.statements(received.message)
        self._go_on(document, await self._insert(document, received))

    async def take_rollback(self, received: Received[RollbackRequested]) -> None:
        """Take back an execution that succeeded, on the approver's signed order."""
        event = received.message
        document = await self._documents.get(str(event.execution_id))
        if document is None or document["kind"] != "apply":
            raise PermanentError(
                "there is no such execution",
                field="execution_id",
                remedy="name one that succeeded",
                status=404,
            )
        order = custody.order(event, document["sha256"], self._trust, self._now())
        elsewhere = domain.unexpected(order.expected_state, document["runs"])
        if elsewhere:
            raise PermanentError(
                f"the order is about another state than this execution left: {elsewhere}",
                field="expected_state",
                remedy="look at the execution as it is now and ask for its rollback again",
            )
        document = {**document, "cause": received.caused()}
        started = executions.started(document, "rollback")
        change = {
            "state": "rolling_back",
            "sequence": started.sequence,
            "cause": received.caused(),
            "rollback": {"principal": order.principal.id, "reason": order.reason},
        }
        written = await self._documents.update(
            document["_id"],
            guard={"state": "succeeded", "sequence": document["sequence"]},
            change={"$set": change},
            events=[started],
            cause=received,
        )
        self._go_on({**document, **change}, written)

    def _go_on(self, document: Document, written: Written) -> None:
        if written is Written.APPLIED:
            self._reconciler.drive(document, new=True)
        else:
            self._reconciler.look()  # how far it got is in the store

    async def _insert(
        self, document: Document, received: Received[Any], events: tuple[Event, ...] = ()
    ) -> Written:
        try:
            return await self._documents.insert(document, events=events, cause=received)
        except Conflict as conflict:
            raise PermanentError(
                f"used already: {document['_id']} is in the state {conflict.current.get('state')}",
                field="approval_id" if document["kind"] == "apply" else "rehearsal_id",
                remedy="an approval is for one run; have the script approved again",
                status=409,
            ) from None

    async def _end_at_once(self, document: Document, problem: str, received: Received[Any]) -> None:
        runs = executions.refused_runs(document, problem)
        event = executions.completed(document, "apply", "not_applied", runs, "none", self._signer)
        document |= {
            "state": "not_applied",
            "outcome": "not_applied",
            "runs": [run.model_dump(mode="json") for run in runs],
            "sequence": event.sequence,
            "ended_at": utc_now(),
        }
        await self._insert(document, received, (event,))
