"""Says what a run does and prints while it runs, with the renewals of its lease, where somebody watches."""

from __future__ import annotations

from typing import Any

from suture_contracts.commands import MOST_TOLD
from suture_sandbox.protocol import Sandbox

_WATCHED_SECONDS = 1.0


class Telling:
    """Of one run. The executor answers how far it has heard, so that one that is new hears all of it."""

    def __init__(self, sandbox: Sandbox, run_id: str, watched: bool) -> None:
        self._sandbox = sandbox
        self._run_id = run_id
        self.watched = watched
        self._heard = 0

    def pause(self, longest: float) -> float:
        """Seconds until the next renewal: sooner where somebody watches."""
        return min(longest, _WATCHED_SECONDS) if self.watched else longest

    async def next(self) -> dict[str, Any]:
        """What a renewal says: whole lines, masked by the runner that wrote them."""
        if not self.watched:
            return {}
        said = await self._sandbox.progress(self._run_id)
        part = said[self._heard : self._heard + MOST_TOLD]
        part = part[: part.rfind(b"\n") + 1]
        return {"progress_start": self._heard, "progress": part.decode("ascii", "replace")}

    def answered(self, answer: dict[str, Any]) -> None:
        self.watched = answer.get("watched") is True
        heard = answer.get("progress_taken", 0)
        self._heard = heard if isinstance(heard, int) and heard >= 0 else 0
