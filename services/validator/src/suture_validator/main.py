"""Composition root of the validator."""

from __future__ import annotations

from suture_chassis.app import Service
from suture_chassis.settings import ChassisSettings
from suture_contracts.commands import Validate
from suture_contracts.events import ScriptGenerated

from suture_validator.handlers import Handlers
from suture_validator.judge import Judge
from suture_validator.metrics import Metrics
from suture_validator.service import Validator

COLLECTION = "validations"


class Settings(ChassisSettings):
    """Nothing beyond the chassis."""


def build(settings: Settings) -> Service:
    """The service, wired, not started."""
    service = Service("validator", settings)
    judge = Judge()
    validator = Validator(
        service.store.documents(COLLECTION),
        service.store.collection(COLLECTION),
        judge,
        service.signer,
        Metrics(service.metrics.registry),
        service.log,
    )
    handlers = Handlers(validator)
    service.on(ScriptGenerated, handlers.on_script_generated)
    service.command(Validate, handlers.on_validate)
    service.on_start(validator.prepare)
    service.background("judge", judge.end_when_stopped)
    return service


def main() -> None:
    build(Settings()).run()
