"""A small service that stands for all: it turns a finding into an analysis, in one document."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from suture_chassis.app import Service
from suture_chassis.messages import Received
from suture_chassis.settings import ChassisSettings
from suture_chassis.telemetry import Telemetry
from suture_contracts import ids
from suture_contracts.events import Finding, RcaAnalyzed
from suture_contracts.examples import example
from suture_contracts.findings import RcaReceived
from suture_testkit.identities import Identities
from suture_testkit.waiting import eventually
from suture_testkit.wire import Seen, Wire


def analysis(received: Received[RcaReceived], sequence: int = 0) -> RcaAnalyzed:
    """What the small service publishes about a finding."""
    remediation = ids.remediation_id(received.source, received.id)
    finding = Finding(
        kind="rca",
        reference=received.message.anomaly_id,
        category="Configuration",
        details=received.message.root_cause_details,
        severity="high",
        confidence=0.5,
        fingerprint=ids.sha256(b"x"),
    )
    return RcaAnalyzed(
        remediation_id=remediation,
        sequence=sequence,
        outcome="analyzed",
        finding=finding,
        **received.caused(),
    )


class Analyzer:
    """Writes one document a finding; ``before`` runs first in its handler."""

    def __init__(self, settings: ChassisSettings, **options: Any) -> None:
        self.service = Service("analyzer", settings, **options)
        self.analyses = self.service.store.documents("analyses")
        self.handled: list[Received[RcaReceived]] = []
        self.before: Callable[[Received[RcaReceived]], Awaitable[None]] | None = None
        self.service.on(RcaReceived, self.on_rca_received)

    async def on_rca_received(self, received: Received[RcaReceived]) -> None:
        self.handled.append(received)
        if self.before is not None:
            await self.before(received)
        event = analysis(received)
        document = {"_id": str(event.remediation_id), "state": "analyzed", "revision": 1}
        await self.analyses.insert(document, events=[event], cause=received)


@pytest.fixture
def settings_for(trust: Identities) -> Callable[..., ChassisSettings]:
    """Settings of a service on this test's broker and store."""

    def make(service: str, **changes: Any) -> ChassisSettings:
        return ChassisSettings(**{**trust.settings_for(service), "log_level": "error", **changes})

    return make


@pytest.fixture
def make_analyzer(settings_for: Callable[..., ChassisSettings]) -> Callable[..., Analyzer]:
    """Builds one with other settings, or with a ``telemetry`` of its own."""

    def make(telemetry: Telemetry | None = None, **changes: Any) -> Analyzer:
        return Analyzer(settings_for("analyzer", **changes), telemetry=telemetry)

    return make


@pytest.fixture
def analyzer(make_analyzer: Callable[..., Analyzer]) -> Analyzer:
    """Built, not started."""
    return make_analyzer()


@pytest.fixture
def finding() -> RcaReceived:
    """A root-cause finding."""
    message = example("rca.received")
    assert isinstance(message, RcaReceived)
    return message


@pytest.fixture
def one_dead_letter(wire: Wire) -> Callable[[], Awaitable[Seen]]:
    """Waits for the one dead letter that there should be."""

    async def wait() -> Seen:
        found: list[Seen] = []

        async def arrived() -> bool:
            found.extend(await wire.dead_letters())
            return bool(found)

        await eventually(arrived)
        assert len(found) == 1
        return found[0]

    return wait


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port
