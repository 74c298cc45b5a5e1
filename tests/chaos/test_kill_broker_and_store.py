"""kill -9 of the broker and of the store, then everything delivered once more in another order."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from suture_local.stack import Stack

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(900)]

REMEDIATIONS = 200
DUPLICATES = 10


@pytest_asyncio.fixture
async def own_system(tmp_path_factory: pytest.TempPathFactory, make_system: Any) -> AsyncIterator[Any]:
    """A system with a broker and a store of its own, that may be killed."""
    folder: Path = tmp_path_factory.mktemp("killed")
    async with Stack(folder) as stack:
        yield make_system(stack)


async def test_nothing_is_lost_or_done_twice_when_broker_and_store_die(
    own_system: Any, make_load: Any
) -> None:
    stack, load = own_system.stack, make_load(own_system, REMEDIATIONS)
    await load.prepare()
    for number in range(REMEDIATIONS):
        await load.send(number)
        if number in (40, 120):
            stack.store.kill()
        if number in (80, 160):
            stack.broker.kill()
    for number in random.sample(range(REMEDIATIONS), DUPLICATES):
        await load.send(number)
    await load.check()
    replayed = await load.replay_everything(random.shuffle)
    print(f"events delivered once more: {replayed}")
    assert replayed >= 8 * REMEDIATIONS
    await load.until_queues_are_empty()
    await load.check()
