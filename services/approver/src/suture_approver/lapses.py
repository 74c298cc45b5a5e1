"""Verdicts that count no more: their script is validated anew, as its next revision."""

from __future__ import annotations

from typing import Any

from suture_chassis.errors import Conflict
from suture_chassis.messages import Received
from suture_contracts.events import ExecutionRefused

from suture_approver.case import Document, lapse
from suture_approver.service import Approver

_STANDING = ("awaiting_rehearsal", "awaiting_approval", "approved")
"""The states that rest on the verdict; a rehearsal may be refused when approvers were asked without it."""


class Lapses:
    """Ends an approval whose verdict was signed by a key that was revoked or expired since.

    The generator answers ``script.lapsed`` with the next revision of the same script, which then goes the
    whole way: validated by a current key, weighed and, where it needs it, decided on again.
    """

    def __init__(self, approver: Approver) -> None:
        self._approver = approver

    async def take_refusal(self, received: Received[ExecutionRefused]) -> None:
        """The executor met it, in a rehearsal or a run; a refusal of what was superseded changes nothing."""
        refused = received.message
        document = await self._approver.record.find({"_id": str(refused.script_id)})
        if document is None or document["approval_id"] != str(refused.approval_id):
            return
        if document["state"] in _STANDING:
            await self.end(document, refused.reason, received.caused(), received)

    async def end(
        self,
        document: Document,
        reason: str,
        cause: dict[str, Any],
        received: Received[Any] | None = None,
    ) -> None:
        """Move it to ``lapsed``, unless something else moved it on meanwhile."""
        change = {
            "state": "lapsed",
            "sequence": document["sequence"] + 1,
            "due": None,
            "validated": None,
        }
        self._approver.record.forget(document["approval_id"])
        try:
            await self._approver.approvals.update(
                document["_id"],
                guard={
                    "sequence": document["sequence"],
                    "execution_sequence": document["execution_sequence"],
                },
                change={"$set": change},
                events=(lapse(document, reason=reason, cause=cause),),
                cause=received,
            )
        except Conflict:
            return
