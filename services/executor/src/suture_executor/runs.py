"""Runs over an execution's targets: a canary, then one by one; a failure takes all of them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from structlog.typing import FilteringBoundLogger
from suture_contracts.events import Mode, Run
from suture_contracts.target import Target
from suture_sandbox.protocol import RunLost, RunPlan, RunResult, SandboxUnavailable

from suture_executor import domain
from suture_executor.executions import Document, RehearsalOutcome, Rehearsed, script_of
from suture_executor.progress import Progress
from suture_executor.sandboxes import Sandboxes
from suture_executor.stops import Stops

_FINE = ("succeeded", "already_remediated")
_REHEARSED: dict[str, RehearsalOutcome] = {
    "succeeded": "passed",
    "already_remediated": "already_remediated",
    "unknown": "unavailable",
}
_WORST_FIRST: tuple[RehearsalOutcome, ...] = ("failed", "unavailable", "passed", "already_remediated")


class Runs:
    """Asks the sandbox; every run has a derived id, so that asking again after a restart finds it."""

    def __init__(
        self,
        sandboxes: Sandboxes,
        stops: Stops,
        progress: Progress,
        hidden: Callable[[], tuple[str, ...]],
        log: FilteringBoundLogger,
    ) -> None:
        self.sandboxes = sandboxes
        self._stops = stops
        self._progress = progress
        self._hidden = hidden
        self._log = log
        self._running: dict[str, Target] = {}

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

    async def rehearse(self, document: Document, targets: list[Target]) -> Rehearsed:
        """The worst outcome, all differences and rights over all targets; nothing is changed."""
        results = [await self._result(document, target, "rehearse") for target in targets]
        # Without the network that it declares a body may fail where the real run would not.
        offline = not script_of(document).egress
        outcomes, details = [], []
        for target, result in zip(targets, results, strict=True):
            outcome = _REHEARSED.get(result.outcome, "failed")
            outcomes.append(outcome if offline or outcome != "failed" else "unavailable")
            details.append(": ".join(part for part in (target.id, result.detail or outcome) if part))
            if outcome == "failed":
                details.append(result.output_tail[-4_000:])
        return Rehearsed(
            next(worst for worst in _WORST_FIRST if worst in outcomes or worst == "already_remediated"),
            "".join(result.diff for result in results),
            "\n".join(details),
            tuple(dict.fromkeys(right for result in results for right in result.rights)),
            tuple(dict.fromkeys(right for result in results for right in result.missing)),
            domain.fitted_seen({result.target: result.seen for result in results if result.seen}),
        )

    async def abort(self, target: str | None) -> None:
        """Kill what runs there and let it be taken back; a rollback goes on."""
        for run_id, where in list(self._running.items()):
            if target in (None, where.id) and not run_id.endswith("-rollback"):
                await self.sandboxes.of(where).abort(run_id)

    async def forget(self, document: Document, targets: list[Target], modes: Sequence[Mode]) -> None:
        for target in targets:
            for mode in modes:
                await self.sandboxes.of(target).forget(domain.run_name(document["_id"], target.id, mode))

    async def _reverse(self, document: Document, targets: list[Target], runs: list[Run]) -> list[Run]:
        failed = runs[-1]
        reason = f"taken back because {failed.target} ended {failed.outcome}"
        for index in range(len(runs) - 2, -1, -1):
            if runs[index].outcome == "succeeded":
                back = await self._run(document, targets[index], "rollback")
                detail = "; ".join(part for part in (reason, back.detail) if part)
                change = {"outcome": back.outcome, "after": back.after, "undo": back.undo}
                runs[index] = runs[index].model_copy(update={**change, "detail": detail[:4_000]})
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
            diff=result.diff[:20_000],
            undo=result.undo[:20_000],
        )

    async def _result(self, document: Document, target: Target, mode: Mode) -> RunResult:
        plan = self._plan(document, target, mode)
        self._running[plan.run_id] = target
        self._progress.begin(document["remediation_id"], plan.run_id, target, mode)
        try:
            sandbox = self.sandboxes.of(target)
            await sandbox.start(plan)
            if mode != "rollback" and self._stops.stopped([target.id]) == "abort":
                await sandbox.abort(plan.run_id)
            result = await sandbox.result(plan.run_id)
            await self._progress.end(document["remediation_id"], plan.run_id)
            return result
        except SandboxUnavailable as error:
            self._log.error("sandbox_unavailable", run=plan.run_id, reason=str(error))
            return RunResult.not_begun(plan.run_id, target.id, mode, str(error))
        except RunLost as error:
            self._log.error("run_lost", run=plan.run_id, reason=str(error))
            return RunResult(
                run_id=plan.run_id, target=target.id, mode=mode, outcome="unknown", detail=str(error)
            )
        finally:
            self._running.pop(plan.run_id, None)

    def _plan(self, document: Document, target: Target, mode: Mode) -> RunPlan:
        script = script_of(document)
        reach: dict[str, Any] = target.reach
        until = document["not_after"] if mode == "apply" else None
        return RunPlan.of(
            script,
            run_id=domain.run_name(document["_id"], target.id, mode),
            claim_id=document["_id"],
            execution_id=document["_id"],
            mode=mode,
            target=target.id,
            kind=target.kind,
            reach=reach,
            secret_ref=target.secret_ref,
            root=str(reach.get("root", "")),
            reads=tuple(str(path) for path in reach.get("reads", ())),
            hide=self._hidden(),
            reversibility=document["reversibility"],
            not_after=until.timestamp() if until else None,
            expected=document.get("expected", {}).get(target.id, {}) if mode == "apply" else {},
            reason=str(document.get("rollback", {}).get("reason", ""))[:2_000] if mode == "rollback" else "",
        )
