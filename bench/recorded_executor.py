"""The executor as it is, but for the sandbox: every run ends as one did that was recorded.

It ends at once, or after BENCH_RUN_SECONDS; a run on a target where another one is going on is lost.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from suture_contracts.target import Target, TargetKind
from suture_executor.main import Settings, build
from suture_sandbox.protocol import Reached, RunLost, RunPlan, RunResult

_BEFORE = "0" * 64
_AFTER = "f" * 64
_OUTPUT = "2026-01-01T10:00:00Z restoring the configuration\n2026-01-01T10:00:00Z restored, verified\n"


class RecordedSandbox:
    """Starts nothing. For measurements alone: it lives here so that no service can be told to use it."""

    name = "recorded"
    kinds: frozenset[TargetKind] = frozenset({"local"})
    script_types = frozenset({"bash", "python", "config"})

    def __init__(self) -> None:
        self._plans: dict[str, RunPlan] = {}
        self._busy: dict[str, str] = {}
        self._seconds = float(os.environ.get("BENCH_RUN_SECONDS", "0"))

    async def open(self) -> tuple[str, ...]:
        return ("recorded",)

    async def close(self) -> None:
        """Nothing is open."""

    async def check(self, target: Target) -> Reached:
        return Reached(reachable=True)

    async def start(self, plan: RunPlan) -> None:
        self._plans[plan.run_id] = plan

    async def result(self, run_id: str) -> RunResult:
        plan = self._plans.get(run_id)
        if plan is None:
            raise RunLost(f"{run_id} was not started here")
        if self._busy.setdefault(plan.target, run_id) != run_id:
            raise RunLost(f"{plan.target} is another run's")
        if self._seconds:
            await asyncio.sleep(self._seconds)
        self._busy.pop(plan.target, None)
        return RunResult(
            run_id=run_id,
            target=plan.target,
            mode=plan.mode,
            outcome="succeeded",
            exit_code=0,
            snapshot=f"{plan.root}/.suture/{run_id}",
            before=dict.fromkeys(plan.writes, _BEFORE),
            after=dict.fromkeys(plan.writes, _AFTER),
            output_tail=_OUTPUT,
            isolation=("recorded",),
            seconds=0.2,
        )

    async def progress(self, run_id: str) -> bytes:
        return b""

    async def abort(self, run_id: str) -> None:
        """Nothing runs."""

    async def forget(self, run_id: str) -> None:
        self._plans.pop(run_id, None)

    def identity(self) -> dict[str, Any]:
        return {"sandbox": self.name}


def main() -> None:
    build(Settings(), sandbox=RecordedSandbox()).run()


if __name__ == "__main__":
    main()
