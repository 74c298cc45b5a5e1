"""W3C trace context over every hop; spans only where a trace is sampled and there is an exporter."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import SpanKind, Tracer

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


class Telemetry:
    """Carries ``traceparent`` on. With an exporter, a sampled trace gets a span for each hop.

    Without an exporter nothing of OpenTelemetry is imported: it costs memory in every service.
    """

    def __init__(
        self,
        service: str,
        *,
        ratio: float = 0.0,
        endpoint: str | None = None,
        exporter: SpanExporter | None = None,
    ) -> None:
        self._ratio = ratio
        self._provider: Any = None
        self._tracer: Tracer | None = None
        if exporter is not None or endpoint is not None:
            self._provider = _provider(service, endpoint, exporter)
            self._tracer = self._provider.get_tracer("suture")

    def traceparent(self) -> str:
        """The context that an outgoing message carries; a new trace where there is none."""
        return _current.get() or self._new()

    def produced(self, name: str) -> str:
        """The context for a message that is made now; a sampled trace gets a producer span for it."""
        with self.span(name, {}, producer=True):
            return self.traceparent()

    def enter(self, headers: Mapping[str, Any]) -> str:
        """Take up the trace of an incoming message in this task; returns the trace id."""
        value = headers.get("traceparent")
        if not isinstance(value, str) or not _TRACEPARENT.fullmatch(value):
            value = self._new()
        _current.set(value)
        return value[3:35]

    def sampled(self) -> bool:
        current = _current.get()
        return self._tracer is not None and current is not None and current.endswith("1")

    @contextmanager
    def span(self, name: str, attributes: Mapping[str, str], *, producer: bool = False) -> Iterator[None]:
        """A span under the current trace; what is published inside it is its child."""
        if not self.sampled() or self._tracer is None:
            yield
            return
        from opentelemetry import trace

        parent = _current.get() or ""
        kind: SpanKind = trace.SpanKind.PRODUCER if producer else trace.SpanKind.CONSUMER
        with self._tracer.start_as_current_span(
            name, context=_context(parent), kind=kind, attributes=dict(attributes)
        ) as span:
            context = span.get_span_context()
            token = _current.set(f"00-{context.trace_id:032x}-{context.span_id:016x}-01")
            try:
                yield
            finally:
                _current.reset(token)

    def close(self) -> None:
        """Send what is left."""
        if self._provider is not None:
            self._provider.shutdown()

    def _new(self) -> str:
        flags = "01" if self._ratio and random.random() < self._ratio else "00"
        return f"00-{random.getrandbits(128) or 1:032x}-{random.getrandbits(64) or 1:016x}-{flags}"


def _provider(service: str, endpoint: str | None, exporter: SpanExporter | None) -> Any:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    # Who is sampled is decided by the traceparent's flag, at the root.
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource.create({"service.name": f"suture-{service}"}),
        shutdown_on_exit=False,
    )
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    if endpoint is not None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        address = endpoint.rstrip("/")
        address = address if address.endswith("/v1/traces") else f"{address}/v1/traces"
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(address)))
    return provider


def _context(traceparent: str) -> Any:
    from opentelemetry import trace

    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    parent = trace.SpanContext(
        int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=trace.TraceFlags(int(match[3], 16))
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent))
