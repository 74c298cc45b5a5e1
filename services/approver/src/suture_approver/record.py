"""The approvals as they are stored, each with the outcome of its execution, which is stored beside it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo import DESCENDING
from pymongo.errors import PyMongoError
from suture_chassis.documents import Documents
from suture_chassis.errors import Conflict, PermanentError, TemporaryError

from suture_approver.case import Document
from suture_approver.history import Collection

_REMEMBERED = 5_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Approved:
    """Of an approval that stands: the template of its script."""

    template: str | None


class Record:
    """An approval gets to know its outcome when it is looked at; most are never looked at again."""

    def __init__(self, approvals: Documents, collection: Collection, outcomes: Collection) -> None:
        self.approvals = approvals
        self._collection = collection
        self._outcomes = outcomes
        self._approved: OrderedDict[str, Approved] = OrderedDict()

    async def prepare(self) -> None:
        """The indexes of the approvals."""
        for name in ("approval_id", "former_approvals", "due"):
            await self._collection.create_index(name)

    async def find(self, query: Document) -> Document | None:
        """The one approval that a query finds, settled. Raises ``TemporaryError`` when the store is down."""
        found = await self._one(self._collection, query)
        return None if found is None else await self.settled(found)

    async def due(self, now: datetime, most: int) -> list[Document]:
        """Those whose time has come, the longest first. Raises ``TemporaryError``."""
        # Bounded below too: documents that wait for nothing have no time there, and are many.
        found = self._collection.find({"due": {"$gt": _EPOCH, "$lte": now}}, {"inbox": 0, "outbox": 0})
        try:
            return await found.sort("due", 1).limit(most).to_list()
        except PyMongoError as error:
            raise TemporaryError(f"the store did not answer: {type(error).__name__}") from error

    async def executed(self, execution_id: str) -> Document | None:
        """The approval of an execution whose outcome is known."""
        outcome = await self._outcome(execution_id)
        if outcome is None:
            return None
        # An approval whose revision was superseded has another execution by now.
        return await self.find({"_id": outcome["script_id"], "execution_id": execution_id})

    async def settled(self, document: Document) -> Document:
        """The approval with the latest outcome of its execution, which it is made to hold."""
        if document["state"] != "approved":
            return document
        outcome = await self._outcome(document["execution_id"])
        if outcome is None or outcome["sequence"] <= document["execution_sequence"]:
            return document
        execution = {"outcome": outcome["state"], **{name: outcome[name] for name in ("mode", "at", "left")}}
        change = {"execution": execution, "execution_sequence": outcome["sequence"], "rollback": None}
        guard = {
            "approval_id": document["approval_id"],
            "execution_sequence": {"$lt": outcome["sequence"]},
            "sequence": document["sequence"],
        }
        try:
            await self.approvals.update(document["_id"], guard=guard, change={"$set": change})
        except Conflict as conflict:
            return conflict.current
        return {**document, **change}

    async def approved(self, script_id: str, approval_id: str) -> Approved | None:
        """What was approved; None where another approval took its place. Raises ``PermanentError``."""
        known = self._approved.get(approval_id)
        if known is not None:
            return known
        document = await self._one(self._collection, {"_id": script_id})
        if document is None:
            raise PermanentError(
                f"nothing of script {script_id} was ever approved",
                field="script_id",
                remedy="tell of executions that were approved",
                status=404,
            )
        if document["approval_id"] != approval_id or document["state"] != "approved":
            return None
        return self.remember(document)

    def remember(self, document: Document) -> Approved:
        approved = self._approved[document["approval_id"]] = Approved(document["template"])
        if len(self._approved) > _REMEMBERED:
            self._approved.popitem(last=False)
        return approved

    def forget(self, approval_id: str) -> None:
        """It may be superseded now."""
        self._approved.pop(approval_id, None)

    async def _outcome(self, execution_id: str) -> Document | None:
        return await self._one(self._outcomes, {"execution_id": execution_id}, [("sequence", DESCENDING)])

    async def _one(
        self, collection: Collection, query: Document, sort: list[tuple[str, int]] | None = None
    ) -> Document | None:
        try:
            return await collection.find_one(query, {"inbox": 0, "outbox": 0}, sort=sort)
        except PyMongoError as error:
            raise TemporaryError(f"the store did not answer: {type(error).__name__}") from error
