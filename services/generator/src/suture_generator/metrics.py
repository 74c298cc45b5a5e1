"""What is generated, how sure it is, and what models cost."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from suture_contracts.events import ModelUse, Origin
from suture_generation.providers import ModelError

_MOST_MODELS = 50
_PARTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """The validator counts which of the scripts pass."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["provider", "model", "origin"]
        self._scripts = Counter("suture_scripts_generated", "Scripts written.", labels, registry=registry)
        self._model_failures = Counter(
            "suture_model_failures",
            "Times that no usable answer of a model came, by kind of error.",
            ["provider", "model", "error"],
            registry=registry,
        )
        self._failures = Counter(
            "suture_generation_failures", "Findings for which no script could be made.", registry=registry
        )
        self._confidence = Histogram(
            "suture_generation_confidence",
            "Mean of a script's parts of confidence, 0 to 1.",
            labels,
            registry=registry,
            buckets=_PARTS,
        )
        self._tokens = Counter(
            "suture_model_tokens", "Tokens sent and received.", [*labels, "kind"], registry=registry
        )
        self._cost = Counter("suture_model_cost_usd", "What calls cost.", labels, registry=registry)
        self._calls = Counter("suture_model_calls", "Calls of a model.", labels, registry=registry)
        self._latency = Histogram(
            "suture_model_seconds",
            "Until a script was there, retries included.",
            labels,
            registry=registry,
            buckets=_SECONDS,
        )
        self._models: set[str] = set()
        # labels() takes a lock and builds a key each time: its result is kept.
        self._known: dict[tuple[str, str, Origin], tuple[Counter, Histogram]] = {}

    def expect(self, provider: str, model: str) -> None:
        """Count its failures from 0: an alert on an increase misses a counter that begins at 1."""
        for error in (*_kinds(ModelError), TimeoutError):
            self._model_failures.labels(provider, self._bounded(model), error.__name__)

    def generated(self, origin: Origin, parts: dict[str, float], use: ModelUse | None) -> None:
        labels = (use.provider, self._bounded(use.model), origin) if use else ("none", "none", origin)
        known = self._known.get(labels)
        if known is None:
            known = self._scripts.labels(*labels), self._confidence.labels(*labels)
            self._known[labels] = known
        counter, confidence = known
        counter.inc()
        confidence.observe(sum(parts.values()) / max(1, len(parts)))
        if use is not None:
            self._used(labels, use)

    def failed(self) -> None:
        self._failures.inc()

    def model_failed(self, provider: str, model: str, error: Exception, usd: float) -> None:
        """``error`` has the tokens that were spent, where it is a model's; they have no origin."""
        name = self._bounded(model)
        self._model_failures.labels(provider, name, type(error).__name__).inc()
        if isinstance(error, ModelError):
            self._tokens.labels(provider, name, "none", "input").inc(error.input_tokens)
            self._tokens.labels(provider, name, "none", "output").inc(error.output_tokens)
            self._cost.labels(provider, name, "none").inc(usd)

    def _used(self, labels: tuple[str, str, Origin], use: ModelUse) -> None:
        self._tokens.labels(*labels, "input").inc(use.input_tokens)
        self._tokens.labels(*labels, "output").inc(use.output_tokens)
        self._cost.labels(*labels).inc(use.cost_usd)
        self._calls.labels(*labels).inc(use.calls)
        self._latency.labels(*labels).observe(use.latency_ms / 1_000)

    def _bounded(self, model: str) -> str:
        """The name comes with an answer: only so many are told apart."""
        if model not in self._models:
            if len(self._models) >= _MOST_MODELS:
                return "other"
            self._models.add(model)
        return model


def _kinds(error: type[ModelError]) -> list[type[ModelError]]:
    """The error and all kinds of it."""
    return [error, *(each for below in error.__subclasses__() for each in _kinds(below))]
