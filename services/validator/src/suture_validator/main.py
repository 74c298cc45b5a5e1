"""Composition root of the validator."""

from __future__ import annotations

from pathlib import Path

from suture_chassis.app import Service
from suture_chassis.settings import ChassisSettings
from suture_contracts.commands import Validate
from suture_contracts.events import ScriptGenerated
from suture_safety import InvalidPolicy, Policy, read_policy
from suture_safety.shellcheck import ShellCheck

from suture_validator.handlers import Handlers
from suture_validator.judge import Judge
from suture_validator.metrics import Metrics
from suture_validator.service import Validator

COLLECTION = "validations"


class Settings(ChassisSettings):
    """``validator_policy_file``: the organisation's policy, as ``suture validate --policy`` takes it."""

    validator_policy_file: Path | None = None


def build(settings: Settings) -> Service:
    """The service, wired, not started. Raises ``InvalidPolicy`` on an unusable policy."""
    policy = _policy(settings.validator_policy_file)
    service = Service("validator", settings)
    judge = Judge(policy=policy, second_reader=ShellCheck.find())
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


def _policy(file: Path | None) -> Policy | None:
    if file is None:
        return None
    try:
        return read_policy(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, InvalidPolicy) as error:
        raise InvalidPolicy(f"{file}: {error}") from error


def main() -> None:
    """Start it; a policy that cannot be used ends it with the reason."""
    try:
        service = build(Settings())
    except InvalidPolicy as error:
        raise SystemExit(f"validator: {error}") from error
    service.run()
