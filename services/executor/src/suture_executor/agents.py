"""Agents' own hosts as a sandbox; see ``Sandbox``. Runs are offered, and carried out there under a lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from suture_chassis.documents import Documents
from suture_contracts.target import Target, TargetKind
from suture_sandbox.protocol import Reached, RunLost, RunPlan, RunResult, SandboxUnavailable

from suture_executor.executions import Document, utc_now
from suture_executor.leases import Leases

_LOOK_SECONDS = 1.0
_RECENT = timedelta(minutes=2)
_WAITS = {"rehearse": timedelta(minutes=2), "check": timedelta(minutes=2), "rollback": timedelta(days=1)}
"""How long a run waits for its agent; an apply as long as its approval counts."""


class AgentSandbox:
    """Runs on hosts that nobody said how to reach: their agents take what is offered.

    ``grace`` is how long, in seconds, an agent whose lease lapsed may take to come back, and never less than
    what its script may take: only then nothing of the run can be alive, and it is lost.
    """

    name = "agent"
    kinds: frozenset[TargetKind] = frozenset()
    script_types = frozenset({"bash", "python", "config"})

    def __init__(
        self, leases: Leases, executions: Documents, find: Callable[[str], Target | None], grace: float
    ) -> None:
        self._leases = leases
        self._executions = executions
        self._find = find
        self._grace = grace

    @staticmethod
    def runs_on(target: Target) -> bool:
        """Whether a target is its agent's own to run on."""
        return target.kind == "host" and not target.reach

    async def open(self) -> tuple[str, ...]:
        return ("agent: each on its own machine, which says what was in force",)

    async def close(self) -> None:
        """There is nothing to let go of: all of it is in the store."""

    def identity(self) -> dict[str, Any]:
        return {"sandbox": self.name}

    async def start(self, plan: RunPlan) -> None:
        """See ``Sandbox.start``: it is offered, or was before."""
        execution, target = await self._executions.get(plan.execution_id), self._find(plan.target)
        if execution is None or target is None or "statements" not in execution:
            raise SandboxUnavailable(f"target {plan.target} was not its agent's own when this was approved")
        until = execution["not_after"] if plan.mode == "apply" else utc_now() + _WAITS[plan.mode]
        await self._leases.offer(plan, execution, target.owner, until)

    async def result(self, run_id: str) -> RunResult:
        """See ``Sandbox.result``."""
        while True:
            changed = self._leases.changed
            document = await self._leases.get(run_id)
            if document is None:
                raise RunLost(f"run {run_id} was never offered, or its record was removed")
            found = await self._found(document)
            if found is not None:
                return found
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await changed.wait()
            except TimeoutError:
                pass

    async def _found(self, document: Document) -> RunResult | None:
        state, now = document["state"], utc_now()
        if state == "ended":
            return RunResult.model_validate_json(document["result"])
        if state == "offered" and document["until"] < now and await self._leases.close(document, "withdrawn"):
            state = "withdrawn"
        if state == "taken" and now > self._given_up(document) and await self._leases.close(document, "lost"):
            state = "lost"
        if state == "withdrawn":
            reason = f"the agent {document['agent']} did not take it"
            mode = document["plan"]["mode"]
            return RunResult.not_begun(document["_id"], document["target"], mode, reason)
        if state == "lost":
            raise RunLost(
                f"the agent {document['agent']} took the run and did not come back with a result: its lease"
                f" is of {document['expires_at'].isoformat(timespec='seconds')}"
            )
        return None

    def _given_up(self, document: Document) -> datetime:
        longest = max(self._grace, document["longest"])
        lapsed: datetime = document["expires_at"]
        # However often it is taken anew: an agent that cannot get it to its end must not hold it for ever.
        bound: datetime = document["taken_at"] + timedelta(seconds=2 * longest + self._leases.seconds)
        return min(lapsed + timedelta(seconds=longest), bound)

    async def progress(self, run_id: str) -> bytes:
        """What its agent said, which it is asked for from now on."""
        return self._leases.told.watch(run_id)

    async def abort(self, run_id: str) -> None:
        await self._leases.abort(run_id)

    async def forget(self, run_id: str) -> None:
        """The lease stays with what the agent signed: it is evidence, and tells where to take back."""
        self._leases.told.forget(run_id)

    async def check(self, target: Target) -> Reached:
        """See ``Sandbox.check``: whether the agent asked for work lately."""
        asked = self._leases.asked_at.get(target.id)
        recent = asked is not None and utc_now() - asked < _RECENT
        when = f"asked last at {asked.isoformat(timespec='seconds')}" if asked else "has not asked for runs"
        return Reached(
            reachable=recent,
            detail="" if recent else f"its agent {target.owner} {when}; is its worker running?",
            rights=("what the agent on that machine allows itself",),
        )
