"""Every alert can see the first of what it is about."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from suture_chassis.app import Service
from suture_executor import main as executor
from suture_gateway import main as gateway
from suture_generator import main as generator
from suture_testkit.identities import Identities
from suture_validator import main as validator

ALERTS = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yml"
_COUNTER = re.compile(r"increase\((\w+)(?:\{([^}]*)\})?\[")
_LABEL = re.compile(r"(\w+)(=~|!=|=)\"([^\"]*)\"")


def counters() -> list[Any]:
    """The counters on whose increase an alert rests, with what it asks of their labels."""
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    found = [(rule["alert"], *_COUNTER.search(rule["expr"]).groups()) for rule in group["rules"]
             if "increase(" in rule["expr"]]  # fmt: skip
    return [pytest.param(name, _LABEL.findall(labels or ""), id=alert) for alert, name, labels in found]


@pytest.fixture
def services(trust: Identities, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Service]:
    """Those with counters of their own, built and not started; the generator asks a model."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    keys = tmp_path / "keys.json"
    keys.write_text('{"keys": []}')
    own: dict[str, tuple[Any, Callable[[Any], Service], dict[str, Any]]] = {
        "executor": (executor.Settings, executor.build, {"executor_state_dir": tmp_path / "state"}),
        "gateway": (gateway.Settings, gateway.build, {"gateway_keys_file": keys}),
        "generator": (generator.Settings, generator.build, {"generator_provider": "openai"}),
        "validator": (validator.Settings, validator.build, {}),
    }
    return [
        build(settings(**trust.settings_for(name), **fields))
        for name, (settings, build, fields) in own.items()
    ]


def fits(labels: dict[str, str], wanted: list[tuple[str, str, str]]) -> bool:
    tests = {
        "=": lambda value, given: value == given,
        "!=": lambda value, given: value != given,
        "=~": lambda value, given: bool(re.fullmatch(given, value)),
    }
    return all(tests[how](labels.get(label, ""), given) for label, how, given in wanted)


@pytest.mark.parametrize(("counter", "wanted"), counters())
async def test_what_an_alert_counts_is_counted_from_zero_on(
    services: list[Service], counter: str, wanted: list[tuple[str, str, str]]
) -> None:
    samples = [
        sample
        for service in services
        for family in text_string_to_metric_families(service.metrics.render().decode())
        for sample in family.samples
        if sample.name == counter and fits(sample.labels, wanted)
    ]
    assert samples, f"{counter} is not there before it first counts"
    assert {sample.value for sample in samples} == {0.0}
    for label, how, given in wanted:
        if how == "=~":
            assert {sample.labels[label] for sample in samples} == set(given.split("|"))
