from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from suture_chassis.logs import mask_secrets
from suture_chassis.telemetry import Telemetry


@pytest.mark.parametrize(
    "name", ["password", "api_key", "Authorization", "store_dsn", "client_secret", "token"]
)
def test_values_are_masked_by_their_name(name: str) -> None:
    assert mask_secrets(None, "info", {name: "value"}) == {name: "***"}


def test_user_info_in_urls_is_masked_wherever_it_stands() -> None:
    event = mask_secrets(None, "info", {"event": "lost amqp://anna:pass@host:1/ again", "mail": "a@b.c"})
    assert event == {"event": "lost amqp://***@host:1/ again", "mail": "a@b.c"}


@pytest.mark.parametrize(
    "value", [None, "", "nonsense", "00-zz-11-01", 5, "00-" + "0af7651916cd43dd8448eb211c80319c" * 2]
)
def test_a_trace_that_cannot_be_read_is_begun_anew(value: object) -> None:
    telemetry = Telemetry("analyzer")
    trace_id = telemetry.enter({"traceparent": value})
    assert len(trace_id) == 32
    assert telemetry.traceparent() == f"00-{trace_id}-{telemetry.traceparent()[36:52]}-00"


@pytest.mark.parametrize(("ratio", "flags"), [(0.0, "00"), (1.0, "01")])
def test_the_ratio_decides_at_the_root(ratio: float, flags: str) -> None:
    telemetry = Telemetry("analyzer", ratio=ratio)
    telemetry.enter({})
    assert telemetry.traceparent().endswith(flags)


def test_a_span_is_made_only_of_a_sampled_trace() -> None:
    exporter = InMemorySpanExporter()
    telemetry = Telemetry("analyzer", exporter=exporter)
    for flags, count in (("00", 0), ("01", 1)):
        telemetry.enter({"traceparent": f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"})
        with telemetry.span("hop", {}):
            pass
        assert len(exporter.get_finished_spans()) == count
    telemetry.close()
