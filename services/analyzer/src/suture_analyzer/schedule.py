"""The daily batch: remediations for reported vulnerabilities at the times of a cron expression.

Which firing was worked off is stored, with how far it came: a restart goes on there. Several replicas, or the
same day again, open the same remediations: their ids are derived of the day and the vulnerability.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cronsim import CronSim, CronSimError
from structlog.typing import FilteringBoundLogger
from suture_chassis.messages import Received
from suture_chassis.store import Store
from suture_contracts import ids
from suture_contracts.base import Principal, Severity
from suture_contracts.commands import Batch

from suture_analyzer.service import BATCH_SOURCE, Analyzer

RUNS = "batch_runs"
LONGEST_PAUSE_SECONDS = 60.0
_BY_SCHEDULE = Principal(id="schedule", role="operator")


def check_cron(expression: str) -> str:
    """Raises ``ValueError`` where it is no cron expression of five fields."""
    try:
        CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        remedy = "give five fields, as in 0 3 * * *"
        raise ValueError(f"{expression!r} is no cron expression ({error}); {remedy}") from None
    return expression


class Schedule:
    """Fires in UTC. ``limit`` bounds the remediations of one firing; what is left waits for the next.

    ``max_tokens`` and ``max_usd`` bound what models take for one day's firings; 0 is no bound.
    """

    def __init__(
        self,
        store: Store,
        analyzer: Analyzer,
        log: FilteringBoundLogger,
        *,
        cron: str,
        severities: tuple[Severity, ...],
        limit: int,
        max_tokens: int = 0,
        max_usd: float = 0.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._runs = store.collection(RUNS)
        self._analyzer = analyzer
        self._log = log
        self._cron = cron
        self._severities = severities
        self._limit = limit
        self._max_tokens, self._max_usd = max_tokens, max_usd
        self._now = now

    async def run(self) -> None:
        """Works until cancelled; a firing that was missed while the service was down is made up for."""
        while True:
            try:
                await self.catch_up()
            except Exception:
                # What was opened is stored: the next look goes on behind it.
                self._log.exception("scheduled_batch_failed")
            upcoming: datetime = next(CronSim(self._cron, self._now()))
            pause = (upcoming - self._now()).total_seconds()
            await asyncio.sleep(max(0.1, min(pause, LONGEST_PAUSE_SECONDS)))

    async def catch_up(self) -> None:
        """Works the last firing off, from where it broke off; done already, it does nothing."""
        # A cron expression counts its own minute as past; a minute later it is the last one.
        fired: datetime = next(CronSim(self._cron, self._now() + timedelta(seconds=1), reverse=True))
        id = f"{fired:%Y-%m-%dT%H:%M}:{','.join(sorted(self._severities))}"
        run = await self._runs.find_one({"_id": id}) or {"opened": 0, "after": None, "state": "running"}
        while run["state"] == "running":
            run = await self._page(fired, run)
            await self._runs.update_one({"_id": id}, {"$set": run}, upsert=True)

    async def _page(self, fired: datetime, run: dict[str, Any]) -> dict[str, Any]:
        left = self._limit - run["opened"]
        command = Batch(
            command_id=f"{fired:%Y%m%dT%H%M}-{run['after']}",
            principal=_BY_SCHEDULE,
            issued_at=self._now(),
            expires_at=self._now() + timedelta(minutes=5),
            severities=self._severities,
            day=fired.date(),
            limit=min(100, left),
            after=run["after"],
            max_tokens=self._max_tokens,
            max_usd=self._max_usd,
        )
        answer = await self._analyzer.open_batch(command, _caused_by(command))
        opened = run["opened"] + len(answer["remediations"])
        after = answer["next"]
        is_done = after is None or opened >= self._limit
        if is_done:
            is_left = after is not None
            self._log.info("scheduled_batch_done", fired=fired.isoformat(), opened=opened, is_left=is_left)
        return {"opened": opened, "after": after, "state": "done" if is_done else "running"}


def _caused_by(command: Batch) -> Received[Batch]:
    body = command.model_dump_json().encode()
    return Received(
        message=command,
        id=str(command.command_id),
        source=BATCH_SOURCE,
        type=command.TYPE,
        body=body,
        digest=ids.sha256(body),
        signer=None,
        attempt=0,
        time=command.issued_at,
    )
