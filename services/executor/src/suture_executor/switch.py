"""Stop and resume: the switch, and what it does to what runs."""

from __future__ import annotations

from suture_chassis.messages import Received
from suture_chassis.store import Documents
from suture_contracts.base import Reply
from suture_contracts.commands import Resume, Stop

from suture_executor import domain
from suture_executor.locks import Locks
from suture_executor.reconciler import Reconciler
from suture_executor.runs import Runs
from suture_executor.stops import Stops


class Switch:
    def __init__(
        self, stops: Stops, runs: Runs, locks: Locks, reconciler: Reconciler, documents: Documents
    ) -> None:
        self._stops = stops
        self._runs = runs
        self._locks = locks
        self._reconciler = reconciler
        self._documents = documents

    async def stop(self, received: Received[Stop]) -> Reply:
        """``pause`` blocks starts; ``abort`` also kills what runs, which is then taken back."""
        reply = await self._stops.stop(received)
        if received.message.mode == "abort":
            await self._runs.abort(received.message.target_id)
        return reply

    async def resume(self, received: Received[Resume]) -> Reply:
        """Lift the stop; a target that an execution of unknown outcome still holds is free again, too."""
        reply = await self._stops.resume(received)
        if received.message.target_id is not None:
            await self._locks.free_unknown(received.message.target_id, self._is_unknown)
        self._reconciler.look()
        return reply

    async def _is_unknown(self, execution_id: str) -> bool:
        return await self._state(execution_id) in ("unknown", None)

    async def has_ended(self, execution_id: str) -> bool:
        """Whether nothing of the execution can run any more; of an unknown one nobody knows."""
        state = await self._state(execution_id)
        return state in domain.TERMINAL and state != "unknown"

    async def _state(self, execution_id: str) -> str | None:
        document = await self._documents.get(execution_id)
        return None if document is None else str(document["state"])
