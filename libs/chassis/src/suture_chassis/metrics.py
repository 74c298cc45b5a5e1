"""What Prometheus scrapes; one registry a service, so that several live in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

Result = Literal["done", "answered", "delayed", "dead", "unsettled"]
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counters of one service."""

    def __init__(self, service: str) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Gauge("suture_service_info", "This service.", ["service"], registry=registry).labels(service).set(1)
        self._messages = Counter(
            "suture_messages",
            "Messages handled, by what they came to.",
            ["type", "result"],
            registry=registry,
        )
        self._handling = Histogram(
            "suture_handling_seconds", "From delivery to ack.", ["type"], registry=registry, buckets=_SECONDS
        )
        self._redelivered = Counter(
            "suture_redelivered", "Messages delivered more than once.", ["type"], registry=registry
        )
        self._dead = Counter("suture_dead_letters", "Messages given up.", ["type"], registry=registry)
        self._forged = Counter(
            "suture_forged",
            "Messages unsigned, wrongly signed, or not from who may send them.",
            ["type"],
            registry=registry,
        )
        self._outlived = Counter(
            "suture_outlived",
            "Messages signed by a key that was revoked or outlived.",
            ["type"],
            registry=registry,
        )
        self._commands = Counter(
            "suture_commands", "Commands answered, by HTTP status.", ["type", "status"], registry=registry
        )
        self._batch = Histogram(
            "suture_commit_batch",
            "Writes in one group commit.",
            registry=registry,
            buckets=(1, 2, 4, 8, 16, 32, 64),
        )
        self._confirm = Histogram(
            "suture_publish_confirm_seconds",
            "Until the broker confirmed.",
            registry=registry,
            buckets=_SECONDS,
        )
        self._pending = Gauge(
            "suture_outbox_pending", "Events written, not yet confirmed.", registry=registry
        )
        self._results: dict[tuple[str, Result], Counter] = {}
        self._seconds: dict[str, Histogram] = {}

    def expect(self, message_types: Iterable[str]) -> None:
        """Count these from 0 on: an alert on an increase misses the first of a counter that begins at 1."""
        for message_type in message_types:
            self._dead.labels(message_type)
            self._forged.labels(message_type)
            self._outlived.labels(message_type)

    def handled(self, message_type: str, result: Result, seconds: float) -> None:
        # labels() takes a lock and builds a key each time: its result is kept. Types come from the topology,
        # never from a message, so that these do not grow.
        counter = self._results.get((message_type, result))
        if counter is None:
            counter = self._results[message_type, result] = self._messages.labels(message_type, result)
        histogram = self._seconds.get(message_type)
        if histogram is None:
            histogram = self._seconds[message_type] = self._handling.labels(message_type)
        counter.inc()
        histogram.observe(seconds)

    def redelivered(self, message_type: str) -> None:
        self._redelivered.labels(message_type).inc()

    def dead(self, message_type: str) -> None:
        self._dead.labels(message_type).inc()

    def forged(self, message_type: str) -> None:
        self._forged.labels(message_type).inc()

    def outlived(self, message_type: str) -> None:
        self._outlived.labels(message_type).inc()

    def answered(self, message_type: str, status: int) -> None:
        self._commands.labels(message_type, str(status)).inc()

    def batch_size(self, size: int) -> None:
        self._batch.observe(size)

    def confirmed(self, seconds: float) -> None:
        self._confirm.observe(seconds)

    def watch_pending(self, read: Callable[[], float]) -> None:
        self._pending.set_function(read)

    def render(self) -> bytes:
        """The registry in Prometheus' text format."""
        return generate_latest(self.registry)
