"""The remediations as they are stored: new ones in one insert, changes of known ones in bulk."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from suture_gateway.pending import Held

_DUPLICATE_KEY = 11000


class Logger(Protocol):
    def warning(self, event: str, **values: Any) -> Any: ...


class Stored:
    """Writes changes; each is idempotent and commutes with every other."""

    def __init__(self, remediations: AsyncCollection[dict[str, Any]], log: Logger) -> None:
        self._remediations = remediations
        self._log = log

    async def write(self, changes: Mapping[str, Held]) -> dict[str, Held]:
        """Returns what is to be written again, since another instance inserted it at the same moment."""
        new = {key: held for key, held in changes.items() if held.change.is_new}
        known = {key: held for key, held in changes.items() if key not in new}
        if new:
            documents = [held.change.document() for held in new.values()]
            known |= await self._attempt(new, self._remediations.insert_many(documents, ordered=False))
        if not known:
            return {}
        updates = [UpdateOne({"_id": key}, held.change.update(), upsert=True) for key, held in known.items()]
        return await self._attempt(known, self._remediations.bulk_write(updates, ordered=False))

    async def _attempt(self, changes: Mapping[str, Held], write: Awaitable[Any]) -> dict[str, Held]:
        """Those that were there already when they were to be inserted."""
        there: dict[str, Held] = {}
        try:
            await write
        except BulkWriteError as error:
            items = list(changes.items())
            for problem in error.details["writeErrors"]:
                key, held = items[problem["index"]]
                if problem.get("code") == _DUPLICATE_KEY:
                    there[key] = held
                    continue
                reason = str(problem.get("errmsg"))[:500]
                self._log.warning("fold refused", remediation_id=key, error=reason)
        return there
