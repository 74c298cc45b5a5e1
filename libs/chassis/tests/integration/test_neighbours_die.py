"""Broker and store die and come back while messages are under way; nothing is lost."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from suture_chassis.app import Service
from suture_chassis.errors import TemporaryError
from suture_contracts import ids
from suture_contracts.base import Principal
from suture_contracts.commands import ListTargets
from suture_contracts.events import RcaAnalyzed
from suture_local.broker import Broker
from suture_local.store import EmbeddedStore
from suture_testkit.waiting import eventually
from suture_testkit.wire import Wire

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]


@pytest.fixture
async def own_broker(tmp_path):
    broker = Broker(tmp_path / "broker")
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture
async def own_store(tmp_path):
    store = EmbeddedStore(tmp_path / "store")
    await store.start()
    yield store
    await store.stop()


async def publish_findings(wire: Wire, finding, count: int) -> set[str]:
    remediations = set()
    for number in range(count):
        await wire.publish(finding, id=str(number), source="detector")
        remediations.add(str(ids.remediation_id("detector", str(number))))
    return remediations


@pytest.mark.parametrize("end", ["kill -9", "an orderly restart"])
async def test_a_broker_comes_back_and_every_message_is_handled(
    own_broker, trust, make_analyzer, finding, end
) -> None:
    analyzer = make_analyzer(broker_url=own_broker.url)
    wire = Wire(own_broker.url, trust.signer)
    await wire.open()

    async def slow(received) -> None:
        await asyncio.sleep(0.05)

    analyzer.before = slow
    async with analyzer.service as service:
        # What the broker confirmed survives a kill only in a queue that it noted.
        await eventually(lambda: own_broker.has_noted("analyzer.rca.received"))
        remediations = await publish_findings(wire, finding, 200)
        if end == "kill -9":
            own_broker.kill()
            await eventually(lambda: not service.broker_connected, within=30)
            assert "broker" in await service.missing()
        await own_broker.restart()
        await eventually(lambda: nothing_missing(service), within=60)
        documents = service.store.collection("analyses")

        async def all_handled() -> bool:
            return await documents.count_documents({}) == 200 and service._outbox.pending == 0

        await eventually(all_handled, within=60)
        assert {document["_id"] async for document in documents.find()} == remediations
        assert (await service.dead_letters.list()).letters == []


async def test_a_process_whose_broker_stays_away_ends_for_its_supervisor_to_see(own_broker, trust) -> None:
    environment = trust.environment("analyzer") | {
        "SUTURE_BROKER_URL": own_broker.url,
        "SUTURE_BROKER_PATIENCE": "10",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("crashing_service.py")),
        "never",
        env={**os.environ, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        while b'"started"' not in await asyncio.wait_for(process.stderr.readline(), 30):
            pass
        own_broker.kill()
        _, rest = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 1
    assert b"the broker was gone for 10 s" in rest


async def nothing_missing(service: Service) -> bool:
    return not await service.missing()


async def test_a_store_that_was_killed_comes_back_and_every_message_is_handled(
    own_store, make_analyzer, wire, finding
) -> None:
    analyzer = make_analyzer(store_url=own_store.url)
    async with analyzer.service as service:
        first = await publish_findings(wire, finding, 1)
        await wire.expect(RcaAnalyzed)
        own_store.kill()
        remediations = await publish_findings(wire, finding, 30)
        assert "store" in await service.missing()
        await own_store.restart()
        for remediation in remediations - first:
            await wire.expect(RcaAnalyzed, timeout=90, remediation_id=remediation)
        documents = service.store.collection("analyses")
        assert await documents.count_documents({}) == 30
    assert await wire.dead_letters() == []


async def test_a_command_to_a_service_whose_broker_is_gone_fails_in_time(own_broker, settings_for) -> None:
    now = datetime.now(UTC)
    command = ListTargets(
        command_id="1",
        principal=Principal(id="anna", role="operator"),
        issued_at=now,
        expires_at=now + timedelta(minutes=1),
    )
    async with Service("gateway", settings_for("gateway", broker_url=own_broker.url)) as gateway:
        own_broker.kill()
        with pytest.raises(TemporaryError):
            await gateway.send_command(command, timeout=2)
