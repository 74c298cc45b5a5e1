"""What an operator asks of the validator first: how many scripts were refused, and by which rules."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram
from suture_contracts.report import Report

from suture_validator.domain import State


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._scripts = Counter("suture_scripts_judged", "Scripts by verdict.", ["state"], registry=registry)
        for state in get_args(State):
            # An alert on an increase misses the first of a counter that begins at 1.
            self._scripts.labels(state)
        self._rules = Counter("suture_rules_broken", "Errors found, by rule.", ["rule"], registry=registry)
        self._scores = Histogram(
            "suture_safety_score",
            "Safety scores, 0 to 1.",
            buckets=(0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0),
            registry=registry,
        )

    def judged(self, state: State, report: Report) -> None:
        self._scripts.labels(state).inc()
        self._scores.observe(report.safety_score)
        for rule in {finding.rule_id for finding in report.findings if finding.severity == "error"}:
            self._rules.labels(rule).inc()
