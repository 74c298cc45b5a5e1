"""Kubernetes as a sandbox: starts, follows, ends and takes back runs; see ``Sandbox``."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suture_contracts.events import ExecutionOutcome
from suture_contracts.target import Target, TargetKind

from suture_sandbox.kept import home
from suture_sandbox.kubernetes.clusters import Clusters
from suture_sandbox.kubernetes.progress import as_progress
from suture_sandbox.kubernetes.reach import KubernetesReach, reach_of
from suture_sandbox.kubernetes.records import Record, Records
from suture_sandbox.protocol import Reached, RunLost, RunPlan, RunResult, SandboxUnavailable
from suture_sandbox.secrets import Secrets

if TYPE_CHECKING:
    from suture_sandbox.kubernetes.run import Run

_ATTEMPTS = 4
_PATIENCE_SECONDS = 30.0
_ABORT_SECONDS = 5.0


class KubernetesSandbox:
    """Runs on targets of kind ``kubernetes``; ``state`` keeps what was started over restarts.

    ``lease_seconds``: for how long a runner may go on without reaching the API server. ``start_seconds``: for
    how long a pod may wait for a place.
    """

    name = "kubernetes"
    kinds: frozenset[TargetKind] = frozenset({"kubernetes"})
    script_types = frozenset({"bash", "python", "kubernetes"})

    def __init__(
        self, state: Path, secrets: Secrets, *, lease_seconds: float = 60.0, start_seconds: float = 60.0
    ) -> None:
        self._folder = state.resolve() / "kubernetes"
        self._records = Records(self._folder)
        self._clusters = Clusters(secrets)
        self._lease_seconds = lease_seconds
        self._start_seconds = start_seconds
        self._home = ""
        self._aborts: set[asyncio.Task[None]] = set()

    async def open(self) -> tuple[str, ...]:
        """Make the state folder; a cluster is asked when a run or a check names it."""
        self._home = await asyncio.to_thread(home, self._folder / "home")
        return ("kubernetes: by the rights of each target's service account",)

    async def close(self) -> None:
        for task in self._aborts:
            task.cancel()
        await self._clusters.close()

    def identity(self) -> dict[str, Any]:
        return {"sandbox": self.name, "home": self._home}

    async def start(self, plan: RunPlan) -> None:
        """See ``Sandbox.start``: what is recorded as created is never created again."""
        if not self._home:
            raise SandboxUnavailable("the sandbox was not opened")
        record = self._records.find(plan.run_id)
        new = record is None
        if record is None:
            record = Record(plan=plan)
            run = await self._run(record)
            if plan.mode == "rehearse":
                await self._look_at_rights(record)
            self._records.keep(record)
        else:
            run = await self._run(record)
        if record.result is None and not record.created:
            await self._create(record, run, new)

    async def result(self, run_id: str) -> RunResult:
        """See ``Sandbox.result``. A pod that died is followed by one that takes its run back."""
        from suture_sandbox.kubernetes.run import Ended, JobGone, NotStarted

        record = self._records.find(run_id)
        if record is None:
            raise RunLost(f"run {run_id} was never started here, or its record was removed")
        while record.result is None:
            run = await self._run(record)
            try:
                record.result = await run.ended()
            except NotStarted as reason:
                record.result = await self._withdrawn(record, run, str(reason))
            except JobGone as gone:
                if not (self._with_mark(record).aborted and await run.claim() is None):
                    raise RunLost(f"{gone}; what it changed is unknown: look at the target") from None
                record.result = _result(record, "not_applied", "aborted before it was run")
            except Ended as ended:
                record.result = await self._go_on(record, run, ended)
            self._records.keep(self._with_mark(record))
        return record.result.model_copy(update={"rights": record.result.rights or record.rights})

    async def progress(self, run_id: str) -> bytes:
        """See ``Sandbox.progress``: what the pod's log says, masked there already."""
        from suture_sandbox.kubernetes.cluster import Refused, Unreachable

        record = self._records.find(run_id)
        if record is None:
            return b""
        try:
            return as_progress(await (await self._run(record)).log())
        except (Refused, Unreachable, SandboxUnavailable):
            return b""

    async def abort(self, run_id: str) -> None:
        """SIGTERM for what runs; it takes back what it did, within the pod's grace.

        Returns after a few seconds: without an API server it goes on trying, until there is one.
        """
        record = self._records.find(run_id)
        if record is None or record.result is not None or record.plan.mode == "rollback":
            return
        record.aborted = True
        self._records.keep(record)
        task = asyncio.create_task(self._stop(record), name=f"abort {run_id}")
        self._aborts.add(task)
        task.add_done_callback(self._aborts.discard)
        await asyncio.wait({task}, timeout=_ABORT_SECONDS)

    async def _stop(self, record: Record) -> None:
        from suture_sandbox.kubernetes.cluster import Refused
        from suture_sandbox.kubernetes.run import patiently

        run = await self._run(record)
        try:
            if not await patiently(run.stop):
                await run.withdraw()
        except Refused:
            return  # it may not be ended from here: its deadline ends it

    async def forget(self, run_id: str) -> None:
        from suture_sandbox.kubernetes.cluster import Refused, Unreachable

        record = self._records.find(run_id)
        if record is None:
            return
        try:
            await (await self._run(record)).clean()
        except (Refused, Unreachable, SandboxUnavailable):
            return  # the record stays, and says what is left in the cluster
        self._records.drop(run_id)

    async def check(self, target: Target) -> Reached:
        """See ``Sandbox.check``: the namespace answers, and the account may claim and keep a snapshot."""
        from suture_sandbox.kubernetes import rights
        from suture_sandbox.kubernetes.cluster import Refused, Unreachable

        try:
            reach = reach_of(target.reach)
            cluster = await self._clusters.of(reach, target.secret_ref)
            await cluster.call(
                "GET", f"/api/v1/namespaces/{reach.namespace}/serviceaccounts/{reach.service_account}"
            )
            needed = await rights.needed(cluster, reach, "kubernetes", [], ())
            missing = await rights.lacking(cluster, reach, needed)
        except (ValueError, SandboxUnavailable, Refused, Unreachable) as error:
            return Reached(reachable=False, detail=str(error)[:2_000])
        return Reached(
            reachable=True,
            rights=tuple(str(one) for one in needed),
            missing=tuple(str(one) for one in missing),
            detail="the service account lacks what every run needs" if missing else "",
        )

    async def _run(self, record: Record) -> Run:
        from suture_sandbox.kubernetes.run import Run

        reach = _reach(record.plan)
        cluster = await self._clusters.of(reach, record.plan.secret_ref)
        return Run(cluster, reach, record, self._lease_seconds, self._start_seconds)

    async def _create(self, record: Record, run: Run, new: bool) -> None:
        """Make the Job; what nobody has started yet is given up when the API server stays away."""
        from suture_sandbox.kubernetes.cluster import Refused, Unreachable

        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                await run.create()
                break
            except (Refused, ValueError) as error:
                self._give_up(record, new)
                raise SandboxUnavailable(f"the run cannot be started in the cluster: {error}") from None
            except Unreachable as error:
                if new and not run.asked and time.monotonic() > until:
                    self._give_up(record, new)
                    raise SandboxUnavailable(str(error)) from None
            await asyncio.sleep(1)
        record.created = True
        self._records.keep(self._with_mark(record))

    def _give_up(self, record: Record, new: bool) -> None:
        if new:
            self._records.drop(record.plan.run_id)

    async def _go_on(self, record: Record, run: Run, ended: Exception) -> RunResult | None:
        """After a runner's death: nothing, where another one was started to take its run back."""
        if record.plan.mode in ("check", "rehearse"):
            return _result(record, "unknown" if record.plan.mode == "rehearse" else "not_applied", str(ended))
        claim = await run.claim()
        if claim is None and record.plan.mode == "apply":
            aborted = self._with_mark(record).aborted
            return _result(
                record, "not_applied", "aborted before it was run" if aborted else f"nothing was run: {ended}"
            )
        if not await run.exists():
            raise RunLost(f"its Job is gone ({ended}); what it changed is unknown: look at the target")
        if record.attempt >= _ATTEMPTS:
            raise RunLost(f"{record.attempt + 1} runners ended without a result; the last one: {ended}")
        record.dead = [*record.dead, *getattr(ended, "dead", [])][-20:]
        record.attempt += 1
        record.created = False
        self._records.keep(self._with_mark(record))
        await self._create(record, await self._run(record), new=False)
        return None

    async def _withdrawn(self, record: Record, run: Run, reason: str) -> RunResult | None:
        """Take away a Job that does not start; it counts as not run only where nothing was claimed."""
        await run.withdraw()
        if await run.claim() is None and record.plan.mode == "apply":
            return _result(record, "not_applied", f"nothing was run: {reason}")
        if record.plan.mode == "rehearse":
            return _result(record, "unknown", f"could not be rehearsed: {reason}")
        if record.plan.mode == "rollback":
            return _result(record, "rollback_failed", f"the rollback could not be started: {reason}")
        raise RunLost(f"the run cannot be taken back: {reason}")

    async def _look_at_rights(self, record: Record) -> None:
        """Note what the run needs; where the service account lacks some, that is the rehearsal's end."""
        from suture_sandbox.kubernetes import rights
        from suture_sandbox.kubernetes.cluster import Refused, Unreachable
        from suture_sandbox.kubernetes.manifests import parse

        plan = record.plan
        reach = _reach(plan)
        cluster = await self._clusters.of(reach, plan.secret_ref)
        try:
            objects = parse(plan.body, reach.namespace) if plan.script_type == "kubernetes" else []
            needed = await rights.needed(cluster, reach, plan.script_type, objects, plan.writes)
            missing = await rights.lacking(cluster, reach, needed)
        except ValueError as error:
            record.result = _result(record, "not_applied", str(error))
            return
        except (Refused, Unreachable) as error:
            record.result = _result(record, "unknown", f"could not be rehearsed: {error}")
            return
        record.rights = tuple(dict.fromkeys(str(one) for one in needed))
        if missing:
            words = tuple(str(one) for one in missing)
            detail = f"the service account {reach.service_account} lacks rights: {', '.join(words)}"
            found = _result(record, "not_applied", detail)
            record.result = found.model_copy(update={"rights": record.rights, "missing": words})

    def _with_mark(self, record: Record) -> Record:
        """An abort may have been asked for by another task meanwhile."""
        kept = self._records.find(record.plan.run_id)
        record.aborted = record.aborted or (kept is not None and kept.aborted)
        return record


def _reach(plan: RunPlan) -> KubernetesReach:
    try:
        return reach_of(plan.reach)
    except ValueError as error:
        raise SandboxUnavailable(str(error)) from None


def _result(record: Record, outcome: ExecutionOutcome, detail: str) -> RunResult:
    plan = record.plan
    return RunResult(
        run_id=plan.run_id, target=plan.target, mode=plan.mode, outcome=outcome, detail=detail[:4_000]
    )
