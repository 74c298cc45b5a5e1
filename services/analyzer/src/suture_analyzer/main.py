"""The composition root: settings, adapters, what is consumed."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import AfterValidator, Field
from suture_chassis.app import Service
from suture_chassis.settings import ChassisSettings
from suture_contracts import commands, events, findings
from suture_contracts.base import Role, Severity

from suture_analyzer.handlers import Handlers
from suture_analyzer.schedule import Schedule, check_cron
from suture_analyzer.service import Analyzer
from suture_analyzer.shelf import Shelf
from suture_analyzer.storms import Storms
from suture_analyzer.targets import Targets

_WRITERS: set[Role] = {"supervisor", "admin"}
_OPERATORS: set[Role] = {"operator", "supervisor", "admin"}


class Settings(ChassisSettings):
    analyzer_reload_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="How often templates and targets are read anew"
    )
    analyzer_batch_cron: Annotated[str, AfterValidator(check_cron)] | None = Field(
        default=None, description="When reported vulnerabilities are remedied by themselves, in UTC"
    )
    analyzer_batch_severities: tuple[Severity, ...] = Field(default=("critical",), min_length=1, max_length=5)
    analyzer_batch_limit: int = Field(
        default=500, ge=1, le=100_000, description="Remediations of one firing of the schedule"
    )
    analyzer_batch_tokens: int = Field(
        default=0, ge=0, description="What models may take for one day's firings; 0 is no bound"
    )
    analyzer_batch_usd: float = Field(default=0.0, ge=0, description="The same in USD; 0 is no bound")
    analyzer_storm_seconds: float = Field(
        default=60.0, ge=0, le=86_400, description="How long equal findings count as one; 0 never"
    )


def build(settings: Settings) -> Service:
    service = Service("analyzer", settings)
    targets = Targets(service.store)
    shelf = Shelf(service.store)
    storms = Storms(service.store, settings.analyzer_storm_seconds)
    analyzer = Analyzer(service.store, targets, shelf, storms, service.log)
    handlers = Handlers(analyzer, targets, shelf)

    service.on(findings.RcaReceived, handlers.on_rca_received)
    service.on(findings.VulnerabilityReported, handlers.on_vulnerability_reported)
    service.on(events.TargetRegistered, handlers.on_target_registered)
    service.on(events.TargetUpdated, handlers.on_target_registered)
    service.on(events.TargetRemoved, handlers.on_target_removed)
    service.command(commands.Generate, handlers.on_generate)
    service.command(commands.SubmitScript, handlers.on_submit_script, roles=_OPERATORS)
    service.command(commands.Batch, handlers.on_batch, roles=_OPERATORS)
    service.command(commands.ListTemplates, handlers.on_list_templates)
    service.command(commands.CreateTemplate, handlers.on_create_template, roles=_WRITERS)
    service.command(commands.UpdateTemplate, handlers.on_update_template, roles=_WRITERS)
    service.command(commands.DeleteTemplate, handlers.on_delete_template, roles=_WRITERS)
    service.on_start(analyzer.prepare)
    service.on_start(shelf.seed)
    service.on_start(targets.load)

    async def stay_fresh() -> None:
        while True:
            await asyncio.sleep(settings.analyzer_reload_seconds)
            await shelf.load()
            await targets.load()
            await analyzer.judge_waiting()

    service.background("stay_fresh", stay_fresh)
    if settings.analyzer_batch_cron is not None:
        schedule = Schedule(
            service.store,
            analyzer,
            service.log,
            cron=settings.analyzer_batch_cron,
            severities=settings.analyzer_batch_severities,
            limit=settings.analyzer_batch_limit,
            max_tokens=settings.analyzer_batch_tokens,
            max_usd=settings.analyzer_batch_usd,
        )
        service.background("schedule", schedule.run)
    return service


def main() -> None:
    build(Settings()).run()
