"""What an operator asks of the executor first: how runs ended, and which of them need somebody to look."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge
from suture_contracts.events import ExecutionOutcome, Mode


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._ended = Counter(
            "suture_executions_ended",
            "Executions by mode and outcome.",
            ["mode", "outcome"],
            registry=registry,
        )
        for labels in product(get_args(Mode), get_args(ExecutionOutcome)):
            # An alert on an increase misses the first of a counter that begins at 1.
            self._ended.labels(*labels)
        self._at_work = Gauge(
            "suture_executions_at_work", "Executions begun or waiting for their turn.", registry=registry
        )

    def watch_at_work(self, read: Callable[[], float]) -> None:
        self._at_work.set_function(read)

    def ended(self, mode: Mode, outcome: ExecutionOutcome) -> None:
        self._ended.labels(mode, outcome).inc()
