"""What the dashboard shows and the alerts watch is there, from the first of its kind on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = (DEPLOY / "prometheus/alerts.yml").read_text()
DASHBOARD = (DEPLOY / "grafana/dashboards/suture.json").read_text()
SELECTED = re.compile(r'(suture_\w+)\{(\w+)=~?"([\w|]+)"')
"""A metric, a label, and the values of it that an alert watches."""


def scraped(system: Any) -> str:
    services = system.stack.services.values()
    return "".join(httpx.get(service.metrics_url, trust_env=False).text for service in services)


def test_all_that_is_asked_for_is_counted(system: Any, program: Any) -> None:
    system.model_server.answering = lambda request: {"no": "script"}
    finding = program.finding(
        root_cause_category="Application", root_cause_details="orders are counted twice"
    )
    for told, end in ((finding, "generation_failed"), (program.finding(), "succeeded")):
        answer = system.call("operator", "POST", "/api/findings", told)
        system.wait(answer.json()["remediation_id"], end)
    text = scraped(system)
    asked = set(re.findall(r"suture_\w+", ALERTS + DASHBOARD))
    # These come with a script that a model wrote; the generator's own tests count one.
    asked -= {"suture_model_seconds_bucket"}
    assert {name for name in asked if f"\n{name}" not in text} == set()


def test_what_an_alert_watches_is_counted_from_zero_on(system: Any) -> None:
    text = scraped(system)
    watched = [
        (metric, f'{label}="{value}"')
        for metric, label, values in SELECTED.findall(ALERTS)
        for value in values.split("|")
    ]
    assert len(watched) >= 5
    for metric, label in watched:
        lines = [line for line in text.splitlines() if line.startswith(f"{metric}{{") and label in line]
        assert lines, f"{metric} has no {label}"
