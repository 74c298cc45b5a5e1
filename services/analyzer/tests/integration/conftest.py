"""The analyzer, running on a real broker and store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
import pytest_asyncio
from suture_analyzer.main import Settings, build
from suture_chassis.app import Service
from suture_contracts.base import Principal, Role
from suture_contracts.examples import example
from suture_contracts.findings import RcaReceived
from suture_contracts.target import Target
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire

CONFIG = "/srv/orders/etc/database.conf"


@pytest_asyncio.fixture
async def analyzer(trust: Identities, wire: Wire) -> AsyncIterator[Service]:
    async with build(Settings(**trust.settings_for("analyzer"))) as service:
        yield service


@pytest.fixture
def finding() -> RcaReceived:
    return cast(RcaReceived, example("rca.received"))


@pytest.fixture
def target() -> Target:
    return Target(
        id="orders-host",
        kind="local",
        reach={"root": "/srv/orders"},
        owner="agent-1",
        facts={
            "services": ["orders-api"],
            "config_path": CONFIG,
            "known_good_source": "/srv/orders/known-good/database.conf",
            "health_url": "http://127.0.0.1:8080/health",
        },
    )


@pytest.fixture
def asked_by() -> Callable[..., dict[str, Any]]:
    """What every command carries: who asks, and until when."""

    def asked_by(role: Role = "supervisor", id: str = "sam", command_id: str | None = None) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "command_id": command_id or str(uuid4()),
            "principal": Principal(id=id, role=role),
            "issued_at": now,
            "expires_at": now + timedelta(minutes=5),
        }

    return asked_by
