"""The dashboard and the alerts ask for what is counted: a name that nothing counts shows nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from suture_contracts.events import ModelUse
from suture_generation.providers import ModelAnswerInvalid
from suture_generator.metrics import Metrics

DEPLOY = Path(__file__).parents[4] / "deploy"
OURS = re.compile(r"suture_(?:model|generation|scripts_generated)_\w+")


def counted() -> str:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    use = ModelUse(provider="openai", model="m", calls=1, input_tokens=10, output_tokens=5, cost_usd=0.5)
    metrics.generated("novel", {"complexity": 0.5}, use)
    metrics.generated("template", {"complexity": 1.0}, None)
    metrics.failed()
    error = ModelAnswerInvalid("no JSON")
    error.input_tokens = 7
    metrics.model_failed("openai", "m", error, 0.25)
    return generate_latest(registry).decode()


@pytest.mark.parametrize("file", ["grafana/dashboards/suture.json", "prometheus/alerts.yml"])
def test_what_is_asked_for_is_counted(file: str) -> None:
    text = counted()
    asked = set(OURS.findall((DEPLOY / file).read_text()))
    assert asked
    assert {name for name in asked if name not in text} == set()


def test_scripts_and_costs_are_told_apart_by_provider_model_and_origin() -> None:
    text = counted()
    assert 'suture_scripts_generated_total{model="m",origin="novel",provider="openai"} 1.0' in text
    assert 'suture_scripts_generated_total{model="none",origin="template",provider="none"} 1.0' in text
    assert 'suture_model_cost_usd_total{model="m",origin="novel",provider="openai"} 0.5' in text


def test_a_spent_budget_is_counted_from_zero_on_so_that_the_first_one_alerts() -> None:
    registry = CollectorRegistry()
    Metrics(registry).expect("openai", "m")
    spent = 'suture_model_failures_total{error="BudgetSpent",model="m",provider="openai"} 0.0'
    assert spent in generate_latest(registry).decode()


def test_an_answer_of_no_use_is_counted_with_its_tokens_and_its_cost() -> None:
    text = counted()
    assert 'suture_model_failures_total{error="ModelAnswerInvalid",model="m",provider="openai"} 1.0' in text
    assert 'suture_model_tokens_total{kind="input",model="m",origin="none",provider="openai"} 7.0' in text
    assert 'suture_model_cost_usd_total{model="m",origin="none",provider="openai"} 0.25' in text
