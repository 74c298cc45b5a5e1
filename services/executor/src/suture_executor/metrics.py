"""What an operator asks of the executor first: how runs ended, and which of them need somebody to look."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter
from suture_contracts.events import ExecutionOutcome, Mode


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._ended = Counter(
            "suture_executions_ended",
            "Executions by mode and outcome.",
            ["mode", "outcome"],
            registry=registry,
        )

    def ended(self, mode: Mode, outcome: ExecutionOutcome) -> None:
        self._ended.labels(mode, outcome).inc()
