"""Runs over an execution's targets: a canary, then one by one; a failure takes all of them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from structlog.typing import FilteringBoundLogger
from suture_contracts.events import Mode, Run
from suture_contracts.target import Target
from suture_sandbox.protocol import RunLost, RunPlan, RunResult, Sandbox, SandboxUnavailable

from suture_executor import domain
from suture_executor.executions import Document, script_of
from suture_executor.stops import Stops

_FINE = ("succeeded", "already_remediated")
_REHEARSED = {"succeeded": "passed", "already_remediated": "already_remediated", "unknown": "unavailable"}


class Runs:
    """Asks the sandbox; every run has a derived id, so that asking again after a restart finds it."""

    def __init__(
        self, sandbox: Sandbox, stops: Stops, hidden: Callable[[], tuple[str, ...]], log: FilteringBoundLogger
    ) -> None:
        self.sandbox = sandbox
        self._stops = stops
        self._hidden = hidden
        self._log = log
        self._running: dict[str, str] = {}

    async def apply(self, document: Document, targets: list[Target]) -> list[Run]:
        """One run a target until one fails; then what succeeded is taken back, the last one first."""
        runs: list[Run] = []
        for target in targets:
            stopped = self._stops.stopped([target.id]) == "abort" and bool(runs)
            run = (
                Run(target=target.id, outcome="not_applied", detail="stopped before it was run")
                if stopped
                else await self._run(document, target, "apply")
            )
            runs.append(run)
            if run.outcome not in _FINE:
                return await self._reverse(document, targets, runs)
        return runs

    async def roll_back(self, document: Document, targets: list[Target]) -> list[Run]:
        """Take a successful execution back, the last target first."""
        changed = {run["target"] for run in document["runs"] if run["outcome"] == "succeeded"}
        return [
            await self._run(document, target, "rollback")
            for target in reversed(targets)
            if target.id in changed
        ]

    async def rehearse(self, document: Document, targets: list[Target]) -> tuple[str, str, str]:
        """Outcome, diff and detail over all targets; nothing is changed."""
        diffs, details, outcomes = [], [], []
        offline = not script_of(document).egress
        for target in targets:
            result = await self._result(document, target, "rehearse")
            outcome = _REHEARSED.get(result.outcome, "failed")
            # Without the network that it declares a body may fail where the real run would not.
            outcomes.append(outcome if offline or outcome != "failed" else "unavailable")
            diffs.append(result.diff)
            details.append(": ".join(part for part in (target.id, result.detail or outcome) if part))
            if outcome == "failed":
                details.append(result.output_tail[-4_000:])
        for worst in ("failed", "unavailable", "passed", "already_remediated"):
            if worst in outcomes:
                return worst, "".join(diffs), "\n".join(details)
        return "unavailable", "", "no target"

    async def abort(self, target: str | None) -> None:
        """Kill what runs there and let it be taken back; a rollback goes on."""
        for run_id, where in list(self._running.items()):
            if target in (None, where) and not run_id.endswith("-rollback"):
                await self.sandbox.abort(run_id)

    async def forget(self, document: Document, modes: Sequence[Mode]) -> None:
        for mode in modes:
            for target in document["targets"]:
                await self.sandbox.forget(domain.run_name(document["_id"], target, mode))

    async def _reverse(self, document: Document, targets: list[Target], runs: list[Run]) -> list[Run]:
        failed = runs[-1]
        reason = f"taken back because {failed.target} ended {failed.outcome}"
        for index in range(len(runs) - 2, -1, -1):
            if runs[index].outcome == "succeeded":
                back = await self._run(document, targets[index], "rollback")
                detail = "; ".join(part for part in (reason, back.detail) if part)
                runs[index] = runs[index].model_copy(
                    update={"outcome": back.outcome, "after": back.after, "detail": detail[:4_000]}
                )
        return runs

    async def _run(self, document: Document, target: Target, mode: Mode) -> Run:
        result = await self._result(document, target, mode)
        return Run(
            target=target.id,
            outcome=result.outcome,
            exit_code=result.exit_code,
            snapshot=result.snapshot,
            before=result.before,
            after=result.after,
            output_tail=result.output_tail[-200_000:],
            detail=result.detail[:20_000],
            isolation=result.isolation,
            seconds=result.seconds,
        )

    async def _result(self, document: Document, target: Target, mode: Mode) -> RunResult:
        plan = self._plan(document, target, mode)
        self._running[plan.run_id] = target.id
        try:
            await self.sandbox.start(plan)
            if mode != "rollback" and self._stops.stopped([target.id]) == "abort":
                await self.sandbox.abort(plan.run_id)
            return await self.sandbox.result(plan.run_id)
        except SandboxUnavailable as error:
            self._log.error("sandbox_unavailable", run=plan.run_id, reason=str(error))
            outcome = (
                "rollback_failed" if mode == "rollback" else "not_applied" if mode == "apply" else "unknown"
            )
            detail = f"nothing was run: {error}"
        except RunLost as error:
            self._log.error("run_lost", run=plan.run_id, reason=str(error))
            outcome, detail = "unknown", str(error)
        finally:
            self._running.pop(plan.run_id, None)
        return RunResult(run_id=plan.run_id, target=target.id, mode=mode, outcome=outcome, detail=detail)

    def _plan(self, document: Document, target: Target, mode: Mode) -> RunPlan:
        script = script_of(document)
        reach: dict[str, Any] = target.reach
        until = document["not_after"] if mode == "apply" else None
        return RunPlan(
            run_id=domain.run_name(document["_id"], target.id, mode),
            claim_id=document["_id"],
            execution_id=document["_id"],
            mode=mode,
            target=target.id,
            root=str(reach.get("root", "")),
            reads=tuple(str(path) for path in reach.get("reads", ())),
            hide=self._hidden(),
            script_type=script.script_type,
            body=script.body,
            rollback=script.rollback,
            verify=script.verify,
            writes=script.writes,
            egress=script.egress,
            limits=script.limits,
            reversibility=document["reversibility"],
            not_after=until.timestamp() if until else None,
            reason=str(document.get("rollback", {}).get("reason", ""))[:2_000] if mode == "rollback" else "",
        )
