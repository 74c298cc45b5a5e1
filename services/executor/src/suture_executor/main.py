"""Composition root of the executor."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import Field
from suture_chassis.app import Service
from suture_chassis.settings import ChassisSettings
from suture_contracts.base import Role
from suture_contracts.commands import (
    CheckTarget,
    EndLease,
    Execute,
    ListTargets,
    RegisterTarget,
    RemoveTarget,
    RenewLease,
    ReportResult,
    Resume,
    ShowProgress,
    Stop,
    TakeLease,
)
from suture_contracts.events import RehearsalRequested, RollbackRequested, ScriptApproved
from suture_sandbox.bubblewrap import BubblewrapSandbox
from suture_sandbox.database.sandbox import DatabaseSandbox
from suture_sandbox.host.sandbox import HostSandbox
from suture_sandbox.kubernetes.sandbox import KubernetesSandbox
from suture_sandbox.protocol import Sandbox
from suture_sandbox.secrets import Secrets

from suture_executor.agents import AgentSandbox
from suture_executor.driver import Driver
from suture_executor.handlers import Handlers
from suture_executor.leases import Leases
from suture_executor.locks import Locks
from suture_executor.metrics import Metrics
from suture_executor.progress import Progress
from suture_executor.reconciler import Reconciler
from suture_executor.runs import Runs
from suture_executor.sandboxes import Sandboxes
from suture_executor.service import Executor
from suture_executor.starts import Starts
from suture_executor.stops import Stops
from suture_executor.switch import Switch
from suture_executor.takeover import Takeover
from suture_executor.targets import Targets

_SWITCH: set[Role] = {"operator", "supervisor", "admin"}


class Settings(ChassisSettings):
    executor_state_dir: Path = Field(description="Claims, snapshots and results; outlives restarts")
    executor_secrets_dir: Path | None = Field(
        default=None, description="Files that targets name in secret_ref: kubeconfigs, database addresses"
    )
    executor_concurrency: int = Field(default=8, ge=1, le=256, description="How many bodies run at once")
    executor_lease_seconds: float = Field(
        default=30.0, ge=1, le=600, description="For how long an agent has a run, unless it renews its lease"
    )
    executor_agent_grace_seconds: float = Field(
        default=300.0,
        ge=0,
        le=86_400,
        description="How long an agent whose lease lapsed may take to come back",
    )
    executor_lost_after_seconds: float = Field(
        default=3_600.0,
        gt=0,
        le=604_800,
        description="How long an executor may be away before runs that only it can see count as lost",
    )
    executor_scan_seconds: float = Field(
        default=3.0, gt=0, le=300, description="How often the store is looked at"
    )


def build(settings: Settings, sandbox: Sandbox | None = None) -> Service:
    """The service, wired, not started. ``sandbox`` takes the place of bubblewrap."""
    service = Service("executor", settings)
    store, log, instance = service.store, service.log, settings.instance
    documents, collection = store.documents("executions"), store.collection("executions")
    state, secrets = settings.executor_state_dir, settings.executor_secrets_dir
    local = sandbox or BubblewrapSandbox(state)
    known = Secrets(secrets)
    remote = (KubernetesSandbox(state, known), DatabaseSandbox(state, known), HostSandbox(state, known))
    leases = Leases(
        store.documents("agent_leases"),
        store.collection("agent_leases"),
        lambda id: targets.find(id),
        service.signer,
        service.trust,
        settings.executor_lease_seconds,
    )
    grace = settings.executor_agent_grace_seconds
    agents = AgentSandbox(leases, documents, lambda id: targets.find(id), grace)
    sandboxes = Sandboxes([local, *remote], agents)
    private = [state, settings.signing_key_file, settings.trust_store_file, *([secrets] if secrets else [])]
    targets = Targets(store.documents("targets"), store.collection("targets"), private, sandboxes)
    stops = Stops(store.documents("executor_stops"), store.collection("executor_stops"))

    async def has_ended(execution_id: str) -> bool:
        return await switch.has_ended(execution_id)

    locks = Locks(store.collection("target_locks"), has_ended)
    progress = Progress(sandboxes)
    runs = Runs(sandboxes, stops, progress, lambda: targets.hidden, log)
    begun = store.documents("executions_begun")
    metrics = Metrics(service.metrics.registry)
    concurrency = settings.executor_concurrency
    driver = Driver(documents, begun, targets, stops, locks, runs, service.signer, log, metrics, concurrency)
    lost_after = settings.executor_lost_after_seconds
    takeover = Takeover(documents, collection, begun, sandboxes, instance, service.retired, lost_after, log)
    scan_seconds = settings.executor_scan_seconds
    reconciler = Reconciler(collection, driver, targets, stops, takeover, instance, log, scan_seconds)
    metrics.watch_at_work(lambda: reconciler.at_work)
    switch = Switch(stops, runs, locks, reconciler, documents)
    start_requests, reports = store.documents("start_requests"), store.documents("agent_reports")
    starts = Starts(documents, collection, start_requests, reports, targets, reconciler, instance)
    refusals = store.documents("execution_refusals")
    executor = Executor(
        documents, refusals, starts, driver, reconciler, service.signer, service.trust, instance
    )

    async def get_ready() -> None:
        await collection.create_index([("script_id", 1), ("revision", -1)])
        await collection.create_index([("state", 1), ("instance", 1)])
        await leases.prepare()
        await targets.refresh()
        await stops.refresh()
        # Without a sandbox the service answers and records; every run is refused with the reason.
        await sandboxes.open(log)

    async def let_go_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await sandboxes.close()

    service.on_start(get_ready)
    service.background("sandboxes", let_go_at_the_end)
    service.background("reconciler", reconciler.run)
    service.background("stop switch", reconciler.keep_fresh)
    _subscribe(service, Handlers(executor, starts, targets, switch, progress, leases))
    return service


def _subscribe(service: Service, handlers: Handlers) -> None:
    service.on(ScriptApproved, handlers.on_script_approved)
    service.on(RehearsalRequested, handlers.on_rehearsal_requested)
    service.on(RollbackRequested, handlers.on_rollback_requested)
    service.command(Execute, handlers.on_execute)
    service.command(ShowProgress, handlers.on_show_progress)
    service.command(ReportResult, handlers.on_report_result)
    service.command(TakeLease, handlers.on_take_lease)
    service.command(RenewLease, handlers.on_renew_lease)
    service.command(EndLease, handlers.on_end_lease)
    service.command(Stop, handlers.on_stop, roles=_SWITCH)
    service.command(Resume, handlers.on_resume, roles=_SWITCH)
    service.command(RegisterTarget, handlers.on_register_target)
    service.command(RemoveTarget, handlers.on_remove_target)
    service.command(ListTargets, handlers.on_list_targets)
    service.command(CheckTarget, handlers.on_check_target)


def main() -> None:
    build(Settings()).run()
