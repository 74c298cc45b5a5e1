"""Executions of an executor that never comes back: one that lives makes them its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from structlog.typing import FilteringBoundLogger
from suture_chassis.documents import Documents
from suture_chassis.errors import Conflict
from suture_contracts.target import Target

from suture_executor import domain
from suture_executor.executions import Document
from suture_executor.sandboxes import Sandboxes

_MOST_AT_ONCE = 100


class Takeover:
    """``retired`` says who counts as retired, and for how many seconds it was silent.

    Who is only slow may be taken for retired, and both may then drive one execution. That runs no body twice:
    ``executions_begun`` has one document for it, and a run is claimed on its target before anything is
    touched; whoever comes second adopts what the first began. Later writes name the instance they are of.
    """

    def __init__(
        self,
        documents: Documents,
        collection: AsyncCollection[dict[str, Any]],
        begun: Documents,
        sandboxes: Sandboxes,
        instance: str,
        retired: Callable[[], dict[str, float]],
        lost_after: float,
        log: FilteringBoundLogger,
    ) -> None:
        self._documents = documents
        self._collection = collection
        self._begun = begun
        self._sandboxes = sandboxes
        self._instance = instance
        self._retired = retired
        self._lost_after = lost_after
        self._log = log

    async def scan(self) -> None:
        """Take over what retired executors left; the next scan drives it. Raises ``TemporaryError``."""
        for instance, silent in self._retired().items():
            left = {"state": {"$in": [*domain.ACTIVE, "ready"]}, "instance": instance}
            hidden = {"inbox": 0, "outbox": 0}
            async for document in self._collection.find(left, hidden, limit=_MOST_AT_ONCE):
                # What ran where this one cannot see may still end well, should its executor come back.
                if silent >= self._lost_after or await self._is_in_sight(document):
                    await self._take(document)

    async def _is_in_sight(self, document: Document) -> bool:
        """Whether it has not begun, or began where this executor's sandboxes keep their records too."""
        begun = document if "home" in document else await self._begun.get(document["_id"])
        if begun is None:
            return True
        target = Target.model_validate(begun["reached"][0])
        sandbox = self._sandboxes.find(target)
        return sandbox is not None and sandbox.identity() == begun["home"]

    async def _take(self, document: Document) -> None:
        guard = {name: document[name] for name in ("state", "sequence", "instance")}
        change = {"$set": {"instance": self._instance}}
        try:
            await self._documents.update(document["_id"], guard=guard, change=change)
        except Conflict:
            return  # it moved on, or another one was first
        self._log.warning("taken_over", execution=document["_id"], of=document["instance"])
