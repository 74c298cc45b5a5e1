"""What people decide: approve, deny."""

from __future__ import annotations

from typing import Any

from suture_chassis.custody import RevokedKey
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_contracts.base import Principal, Reply
from suture_contracts.commands import Approve, Decision, Deny
from suture_contracts.events import ScriptApproved

from suture_approver import domain
from suture_approver.case import Document, denial, stale, summary
from suture_approver.lapses import Lapses
from suture_approver.service import Approver

_ATTEMPTS = 5


class Decisions:
    """Answers commands; one that was carried out already is answered from what is stored."""

    def __init__(self, approver: Approver, lapses: Lapses) -> None:
        self._approver = approver
        self._lapses = lapses
        self._approvals = approver.approvals

    async def approve(self, received: Received[Approve]) -> Reply:
        """Count a principal's approval; the last one that is required signs and publishes it."""
        for _ in range(_ATTEMPTS):
            document = await self._named(received.message)
            principal = received.message.principal
            if principal.id in _approvers(document):
                return _reply(200, document)
            self._check_open(document, principal, received.message)
            await self._check_targets(document)
            try:
                await self._approve(document, received)
            except Conflict:
                continue
            except RevokedKey as error:
                await self._lapses.end(document, error.reason, document["cause"])
                raise stale(
                    f"its verdict counts no more ({error.reason}): the script is validated anew",
                    await self._again(document["_id"]),
                    "verdict",
                ) from None
            return _reply(200, await self._again(document["_id"]))
        raise TemporaryError("the approval keeps changing")

    async def deny(self, received: Received[Deny]) -> Reply:
        """One denial ends it."""
        for _ in range(_ATTEMPTS):
            document = await self._named(received.message)
            principal = received.message.principal
            if document["state"] == "denied" and document["denial"]["principal"] == principal.id:
                return _reply(200, document)
            self._check_open(document, principal, received.message, deny=True)
            try:
                await self._deny(document, received)
            except Conflict:
                continue
            return _reply(200, await self._again(document["_id"]))
        raise TemporaryError("the approval keeps changing")

    async def _approve(self, document: Document, received: Received[Approve]) -> None:
        approver, now, command = self._approver, self._approver.now(), received.message
        principal = command.principal
        entry = {**principal.model_dump(), "reason": command.reason, "at": now}
        approvals = [*document["approvals"], entry]
        sequence = document["sequence"]
        events: tuple[ScriptApproved, ...] = ()
        change: dict[str, Any] = {"approvals": approvals, "sequence": sequence + 1}
        if domain.is_complete([each["id"] for each in approvals], document["approvers_required"]):
            until = now + approver.policy.expiry.approval
            principals = [Principal(id=each["id"], role=each["role"]) for each in approvals]
            case = approver.restored(document)
            approved = case.approved(sequence, approver.signer, principals, now, until)
            events = (approved.model_copy(update=received.caused()),)
            change |= {"state": "approved", "due": None, "expires_at": until, "validated": None}
        await self._write(document, change, events, received)

    async def _deny(self, document: Document, received: Received[Deny]) -> None:
        command = received.message
        event = denial(document, principal=command.principal, reason=command.reason, cause=received.caused())
        change = {
            "state": "denied",
            "sequence": document["sequence"] + 1,
            "denial": {
                "principal": command.principal.id,
                "reason": command.reason,
                "at": self._approver.now(),
            },
            "due": None,
            "validated": None,
        }
        await self._write(document, change, (event,), received)

    async def _write(
        self, document: Document, change: dict[str, Any], events: tuple[Any, ...], received: Received[Any]
    ) -> None:
        guard = {"sequence": document["sequence"], "execution_sequence": document["execution_sequence"]}
        await self._approvals.update(
            document["_id"], guard=guard, change={"$set": change}, events=events, cause=received
        )

    async def _named(self, command: Decision) -> Document:
        document = await self._find(command)
        if document is None:
            raise PermanentError(
                "there is no such approval",
                field="script_id" if command.script_id is not None else "approval_id",
                remedy="name one that approval.requested announced",
                status=404,
            )
        for field, named, current in (
            ("approval_id", command.approval_id and str(command.approval_id), document["approval_id"]),
            ("revision", command.revision, document["revision"]),
            ("digest", command.digest, document["digest"]),
        ):
            if named is not None and named != current:
                raise stale(f"{field} is {current} by now, not {named}", document, field)
        return document

    def _check_open(
        self, document: Document, principal: Principal, decision: Decision, *, deny: bool = False
    ) -> None:
        state = document["state"]
        allowed = domain.WAITING if deny else ("awaiting_approval",)
        if state not in allowed:
            raise stale(f"it is {state}, not {' or '.join(allowed)}", document, "state")
        if document["expires_at"] <= self._approver.now():
            raise stale("its time is up", document, "expires_at")
        if domain.self_approval(principal, document["requested_by"]):
            raise PermanentError(
                "nobody decides on what they asked for themselves",
                field="principal",
                remedy="have someone else decide",
                status=403,
            )

    async def _check_targets(self, document: Document) -> None:
        self._approver.history.forget(document["targets"])
        for target in document["targets"]:
            if (await self._approver.history.of_target(target)).removed:
                raise stale(f"target {target} is no longer registered", document, "targets")

    async def _find(self, command: Decision) -> Document | None:
        if command.script_id is not None:
            return await self._approver.record.find({"_id": str(command.script_id)})
        approval_id = str(command.approval_id)
        document = await self._approver.record.find({"approval_id": approval_id})
        return document or await self._approver.record.find({"former_approvals": approval_id})

    async def _again(self, id: str) -> Document:
        document = await self._approvals.get(id)
        if document is None:
            raise TemporaryError(f"approval {id} is gone")
        return document


def _approvers(document: Document) -> list[str]:
    return [each["id"] for each in document["approvals"]]


def _reply(status: int, document: Document) -> Reply:
    return Reply(status=status, body=summary(document))
