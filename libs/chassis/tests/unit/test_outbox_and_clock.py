from __future__ import annotations

from pathlib import Path

import pytest
from suture_chassis.clock import Clock
from suture_chassis.custody import Signer, TrustedKey, TrustStore
from suture_chassis.errors import PermanentError
from suture_chassis.metrics import Metrics
from suture_chassis.outbox import Entry, Outbox
from suture_chassis.publisher import Publisher
from suture_chassis.telemetry import Telemetry
from suture_contracts import ids
from suture_contracts.events import RcaAnalyzed
from suture_contracts.examples import example
from suture_contracts.findings import RcaReceived


async def _nothing(_: object) -> None:
    return None


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    publisher = Publisher(Metrics("analyzer").confirmed, _nothing)
    signer = Signer.new("analyzer")
    TrustStore.add(tmp_path / "trust.json", TrustedKey.of(signer))
    trust = TrustStore.load(tmp_path / "trust.json")
    return Outbox("analyzer", "0", signer, trust, publisher, Telemetry("analyzer"))


def analyzed(sequence: int = 0) -> RcaAnalyzed:
    message = example("rca.analyzed")
    assert isinstance(message, RcaAnalyzed)
    return message.model_copy(update={"sequence": sequence})


def test_time_never_runs_back_nor_stands_still() -> None:
    clock = Clock()
    times = [clock.tick() for _ in range(1_000)]
    assert times == sorted(set(times))
    future = times[-1] + 10**12
    clock.not_before(future)
    assert clock.tick() == future + 1


def test_the_watermark_waits_for_the_oldest_that_is_not_confirmed(outbox: Outbox) -> None:
    first, second = (outbox.entries("a", [analyzed(n)], None)[0] for n in range(2))
    assert outbox.watermark() == first.at
    outbox.release([first.at])
    assert outbox.watermark() == second.at
    outbox.release([second.at])
    assert outbox.watermark() > second.at
    assert outbox.entries("a", [analyzed(2)], None)[0].at > second.at


def test_a_hold_at_the_beginning_of_time_holds(outbox: Outbox) -> None:
    outbox.hold(0)
    assert outbox.watermark() == 0


def test_an_entry_is_the_signed_event_and_comes_back_from_the_store(outbox: Outbox) -> None:
    (entry,) = outbox.entries("a", [analyzed(3)], None)
    assert entry.id == str(ids.event_id("a", "rca.analyzed", 3))
    assert RcaAnalyzed.model_validate_json(entry.body) == analyzed(3)
    assert Entry.of(entry.stored()) == entry
    assert entry.headers["cloudEvents_id"] == entry.id


def test_an_event_that_would_be_too_large_is_refused(outbox: Outbox) -> None:
    huge = analyzed().model_copy(update={"reason": "x" * 1_100_000})
    with pytest.raises(PermanentError, match="bytes"):
        outbox.entries("a", [huge], None)
    assert outbox.pending == 0


def test_an_event_that_counts_nothing_is_refused(outbox: Outbox) -> None:
    finding = example("rca.received")
    assert isinstance(finding, RcaReceived)
    with pytest.raises(ValueError, match="neither sequence nor revision"):
        outbox.entries("a", [finding], None)
