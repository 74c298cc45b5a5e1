"""The store dies under the journal: what was written stays a chain, and what was not is written later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from suture_chassis.custody.chain import Head
from suture_contracts.base import Event
from suture_contracts.examples import example
from suture_gateway.entries import Entries
from suture_local.store import EmbeddedStore

pytestmark = pytest.mark.chaos

COUNT = 300


@pytest.fixture
async def own_store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path / "store")
    await store.start()
    yield store
    await store.stop()


def finding(number: int) -> Event:
    event = example("rca.received")
    assert isinstance(event, Event)
    return event.model_copy(update={"anomaly_id": f"anomaly-{number}"})


async def test_kill_9_of_the_store_leaves_a_chain_that_goes_on(
    audited: Any,
    gateway_settings: dict[str, Any],
    run_gateway: Any,
    wire: Any,
    own_store: EmbeddedStore,
    eventually: Any,
) -> None:
    settings = {**gateway_settings, "store_url": own_store.url, "store_database": "journalled"}
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(own_store.url)
    journal, remediations = client["journalled"]["journal"], client["journalled"]["remediations"]
    async with run_gateway(settings):

        async def publish() -> None:
            for number in range(COUNT):
                await wire.publish(finding(number), id=str(number), source="detector")

        publishing = asyncio.create_task(publish())
        await eventually(lambda: journal.find_one({"_id": {"$gt": 20}}))
        own_store.kill()
        await own_store.restart()
        await publishing

        async def folded() -> bool:
            return await remediations.count_documents({}) == COUNT

        await eventually(folded, 60)
        entries = [entry async for entry in Entries(journal).after(0)]
    await client.close()
    assert audited(entries) == Head(COUNT, entries[-1]["digest"])
    assert await wire.dead_letters() == []
