"""Events in: every one goes into the journal."""

from __future__ import annotations

from suture_chassis.messages import Received
from suture_contracts.base import Event

from suture_gateway.journal import Journal
from suture_gateway.projection import Projection


class Handlers:
    """An event is done when it is in the journal; the fold follows from there, also after a crash."""

    def __init__(self, journal: Journal, projection: Projection) -> None:
        self._journal = journal
        self._projection = projection

    async def on_event(self, received: Received[Event]) -> None:
        await self._projection.room()
        await self._journal.append(received)
