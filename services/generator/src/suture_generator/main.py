"""The composition root: settings, adapters, what is consumed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from suture_chassis.app import Service
from suture_chassis.settings import ChassisSettings
from suture_chassis.store import Store
from suture_contracts import commands, events
from suture_contracts.base import Role
from suture_generation.providers import CHEAP_MODELS, Budget, GuardedProvider, Provider, get_llm_client

from suture_generator.books import StoredSpending
from suture_generator.domain import Planner
from suture_generator.handlers import Handlers
from suture_generator.metrics import Metrics
from suture_generator.service import Generator
from suture_generator.worker import Models, ModelWorker

_OPERATORS: set[Role] = {"operator", "supervisor", "admin"}


class Settings(ChassisSettings):
    """The provider's key comes from OPENAI_API_KEY or ANTHROPIC_API_KEY. Times are seconds."""

    generator_provider: Literal["none", "openai", "anthropic"] = "none"
    generator_model: str | None = Field(default=None, description="The provider's default where not set")
    generator_template_model: str | None = Field(
        default=None, description="Adapts templates; a cheaper one of the provider where not set"
    )
    generator_base_url: str | None = Field(default=None, description="Any service that speaks its API")
    generator_fallback_provider: Literal["none", "openai", "anthropic"] = Field(
        default="none", description="Asked where the first one is away"
    )
    generator_fallback_model: str | None = Field(default=None, description="The provider's default")
    generator_fallback_base_url: str | None = None
    generator_day_tokens: int = Field(default=0, ge=0, description="The day's budget; 0 is no bound")
    generator_day_usd: float = Field(default=0.0, ge=0, description="The day's budget; 0 is no bound")
    generator_remediation_tokens: int = Field(
        default=200_000, ge=0, description="One remediation's budget, repairs included; 0 is no bound"
    )
    generator_remediation_usd: float = Field(default=0.0, ge=0, description="The same in USD; 0 is no bound")
    generator_breaker_failures: int = Field(
        default=5, ge=1, description="In a row, until calls are held back"
    )
    generator_breaker_seconds: float = Field(default=60.0, gt=0, description="How long they are held back")
    generator_timeout: float = Field(default=60.0, gt=0, le=600, description="Of one call")
    generator_deadline: float = Field(
        default=300.0, gt=0, le=3600, description="Of one script, retries included"
    )
    generator_concurrency: int = Field(
        default=4, ge=1, le=64, description="Scripts that models write at once"
    )


def build(settings: Settings) -> Service:
    """Raises ``ProviderMisconfigured`` where a key is missing: better at start than with each finding."""
    service = Service("generator", settings)
    models = _models(settings, service.store)
    planner = Planner(has_model=models.novel.name != "none")
    metrics = Metrics(service.metrics.registry)
    if planner.has_model:
        for provider in (models.novel, models.adapting):
            metrics.expect(provider.name, provider.model)
    worker = ModelWorker(
        service.store,
        models,
        planner,
        service.log,
        metrics,
        instance=settings.instance,
        concurrency=settings.generator_concurrency,
        deadline=settings.generator_deadline,
    )
    generator = Generator(service.store, planner, service.log, worker.take, metrics)
    handlers = Handlers(generator)

    service.on(events.RcaAnalyzed, handlers.on_rca_analyzed)
    service.on(events.ScriptRejected, handlers.on_script_rejected)
    service.on(events.ScriptLapsed, handlers.on_script_lapsed)
    service.on(events.ExecutionCompleted, handlers.on_execution_completed)
    service.command(commands.ShowSpending, handlers.on_show_spending, roles=_OPERATORS)
    service.on_start(generator.prepare)
    # A key that is refused is better said now than with each finding.
    service.on_start(models.novel.check)
    service.background("model_worker", lambda: worker.run(generator))
    return service


def _models(settings: Settings, store: Store) -> Models:
    name = settings.generator_provider
    budget = Budget(settings.generator_day_tokens, settings.generator_day_usd, spending=StoredSpending(store))
    novel = _provider(settings, settings.generator_model, budget)
    # Who names a model of a service of their own has that one alone, unless they name another.
    cheaper = None if settings.generator_base_url or settings.generator_model else CHEAP_MODELS.get(name)
    adapting_model = settings.generator_template_model or cheaper
    return Models(
        novel,
        novel if adapting_model is None else _provider(settings, adapting_model, budget),
        settings.generator_remediation_tokens,
        settings.generator_remediation_usd,
    )


def _provider(settings: Settings, model: str | None, budget: Budget) -> Provider:
    primary = get_llm_client(
        settings.generator_provider,
        model=model,
        base_url=settings.generator_base_url,
        timeout=settings.generator_timeout,
    )
    if settings.generator_provider == "none":
        return primary
    fallback = get_llm_client(
        settings.generator_fallback_provider,
        model=settings.generator_fallback_model,
        base_url=settings.generator_fallback_base_url,
        timeout=settings.generator_timeout,
    )
    return GuardedProvider(
        primary,
        fallback if fallback.name != "none" else None,
        budget,
        settings.generator_concurrency,
        settings.generator_breaker_failures,
        settings.generator_breaker_seconds,
    )


def main() -> None:
    build(Settings()).run()
