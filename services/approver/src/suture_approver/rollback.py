"""Taking back an execution that succeeded: a person asks, the approver signs the order."""

from __future__ import annotations

import asyncio
from typing import Any

from suture_chassis.custody import Signer, seal
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_contracts.base import Principal, Reply
from suture_contracts.commands import RequestRollback
from suture_contracts.custody import ROLLBACK, RollbackOrder
from suture_contracts.events import RollbackRequested

from suture_approver.case import Document, stale
from suture_approver.service import Approver

_ATTEMPTS = 5
# Everybody hears of an outcome at the same moment: who has heard of it may ask before it was noted here.
_PATIENCE_SECONDS = 7.0
_LOOK_SECONDS = 0.1


class Rollbacks:
    def __init__(self, approver: Approver) -> None:
        self._approver = approver

    async def order(self, received: Received[RequestRollback]) -> Reply:
        """Sign and publish the order; asked again while it stands, it is the same one."""
        for _ in range(_ATTEMPTS):
            document = await self._executed(received.message)
            until = document["rollback"] and document["rollback"]["not_after"]
            if until is None or until <= self._approver.now():
                try:
                    await self._order(document, received)
                except Conflict:
                    continue
            body = {"execution_id": document["execution_id"], "remediation_id": document["remediation_id"]}
            return Reply(status=202, body=body)
        raise TemporaryError("the approval keeps changing")

    async def _order(self, document: Document, received: Received[RequestRollback]) -> None:
        approver, command = self._approver, received.message
        order = RollbackOrder(
            execution_id=document["execution_id"],
            principal=command.principal,
            reason=command.reason,
            expected_state={left["target"]: left["after"] for left in document["execution"]["left"]},
            not_after=approver.now() + approver.policy.expiry.rollback,
        )
        event = _requested(document, order, approver.signer, received.caused())
        rollback = {"principal": command.principal.id, "reason": command.reason, "not_after": order.not_after}
        await approver.approvals.update(
            document["_id"],
            guard={"sequence": document["sequence"], "execution_sequence": document["execution_sequence"]},
            change={"$set": {"rollback": rollback, "sequence": document["sequence"] + 1}},
            events=(event,),
            cause=received,
        )

    async def _executed(self, command: RequestRollback) -> Document:
        document = await self._with_outcome(str(command.execution_id))
        if document["execution"] is None:
            raise stale("how the execution ended is not known yet", document, "execution_id")
        outcome = document["execution"]["outcome"]
        if outcome != "succeeded":
            raise stale(
                f"the execution is {outcome}; only one that succeeded is taken back", document, "execution_id"
            )
        return document

    async def _with_outcome(self, execution_id: str) -> Document:
        """The approval of an execution, with its outcome or, where that does not come soon, without."""
        record = self._approver.record
        document = await record.executed(execution_id) or await record.find({"execution_id": execution_id})
        until = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while document is not None and document["execution"] is None and _may_run(document):
            if asyncio.get_running_loop().time() > until:
                break
            await asyncio.sleep(_LOOK_SECONDS)
            document = await record.executed(execution_id) or document
        if document is None:
            raise PermanentError(
                "there is no such execution",
                field="execution_id",
                remedy="name one that execution.completed announced",
                status=404,
            )
        return document


def _may_run(document: Document) -> bool:
    return bool(document["state"] == "approved")


def _requested(
    document: Document, order: RollbackOrder, signer: Signer, cause: dict[str, Any]
) -> RollbackRequested:
    principal: Principal = order.principal
    return RollbackRequested(
        remediation_id=document["remediation_id"],
        sequence=document["sequence"],
        **cause,
        execution_id=order.execution_id,
        reason=order.reason,
        principal=principal,
        # The statement's subject is the script that ran.
        approval=seal(
            signer,
            subject_name=document["_id"],
            subject_sha256=document["digest"],
            predicate_type=ROLLBACK,
            predicate=order,
        ),
        expected_state=order.expected_state,
    )
