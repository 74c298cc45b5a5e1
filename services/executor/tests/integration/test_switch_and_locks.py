"""The stop switch and the targets' locks, in the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from suture_contracts.commands import Resume
from suture_executor.locks import Locks
from suture_executor.stops import FRESH_SECONDS, Stops


@pytest_asyncio.fixture
async def collection(store_url: str, database: str) -> AsyncIterator[object]:
    async with AsyncMongoClient(store_url) as client:
        yield client[database]["things"]


class Ended:
    """Which executions have ended."""

    def __init__(self, *ids: str) -> None:
        self.ids = set(ids)

    async def __call__(self, id: str) -> bool:
        return id in self.ids


async def test_a_switch_that_was_not_read_lately_counts_as_paused(collection) -> None:
    now = 100.0
    stops = Stops(None, collection, clock=lambda: now)
    assert stops.stopped(["app"]) == "pause"
    await stops.refresh()
    assert stops.stopped(["app"]) is None
    now += FRESH_SECONDS + 1
    assert stops.stopped(["app"]) == "pause"


async def test_an_abort_counts_more_than_a_pause_and_each_only_where_it_is_set(collection) -> None:
    await collection.insert_many(
        [
            {"_id": "target:a", "state": "pause"},
            {"_id": "target:b", "state": "abort"},
            {"_id": "x", "state": "running"},
        ]
    )
    stops = Stops(None, collection)
    await stops.refresh()
    assert [stops.stopped(targets) for targets in (["a"], ["b"], ["a", "b"], ["c"])] == [
        "pause",
        "abort",
        "abort",
        None,
    ]


async def test_a_target_is_held_by_one_execution_at_a_time(collection) -> None:
    locks = Locks(collection, Ended())
    await locks.take(["b", "a"], "first")
    second = asyncio.create_task(locks.take(["c", "b"], "second"))
    await asyncio.sleep(0.1)
    assert not second.done()
    await locks.give_back(["b", "a"], "first")
    await asyncio.wait_for(second, 5)
    held = {document["_id"]: document["holder"] async for document in collection.find()}
    assert held == {"b": "second", "c": "second"}


async def test_two_that_want_the_same_targets_in_another_order_do_not_block_each_other(collection) -> None:
    locks = Locks(collection, Ended())

    async def work(targets: list[str], holder: str) -> None:
        await locks.take(targets, holder)
        await asyncio.sleep(0.01)
        await locks.give_back(targets, holder)

    orders = [["a", "b", "c"], ["c", "b", "a"], ["b", "c"], ["a", "c"]]
    async with asyncio.timeout(20):
        await asyncio.gather(*(work(orders[number % 4], f"e{number}") for number in range(20)))
    assert await collection.count_documents({}) == 0


async def test_another_processs_lock_is_waited_for_and_a_left_over_one_is_taken_over(collection) -> None:
    await collection.insert_one({"_id": "a", "holder": "elsewhere"})
    ended = Ended()
    locks = Locks(collection, ended)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(locks.take(["a"], "here"), 0.5)
    ended.ids.add("elsewhere")
    await asyncio.wait_for(locks.take(["a"], "here"), 10)
    assert (await collection.find_one({"_id": "a"}))["holder"] == "here"


async def test_the_same_execution_finds_its_own_lock_after_a_restart(collection) -> None:
    await Locks(collection, Ended()).take(["a"], "mine")
    await asyncio.wait_for(Locks(collection, Ended()).take(["a"], "mine"), 5)


async def test_one_that_held_a_target_before_a_restart_passes_those_that_wait(collection) -> None:
    await collection.insert_one({"_id": "a", "holder": "interrupted"})
    locks = Locks(collection, Ended())
    waiting = asyncio.create_task(locks.take(["a"], "queued"))
    await asyncio.sleep(0.1)
    await asyncio.wait_for(locks.take(["a"], "interrupted"), 10)
    assert not waiting.done()
    await locks.give_back(["a"], "interrupted")
    await asyncio.wait_for(waiting, 10)


async def test_a_target_of_an_unknown_execution_is_free_after_resume_names_it(world, executor) -> None:
    store = executor.store
    await store.documents("executions").insert({"_id": "lost", "state": "unknown"})
    await store.collection("target_locks").insert_one({"_id": "app", "holder": "lost"})
    approved = world.approved(world.document())
    await world.wire.publish(approved, as_="approver")
    await asyncio.sleep(0.7)
    assert not world.config.exists()
    assert (await world.ask(Resume, target_id="app")).status == 200
    assert (await world.completed(approved)).outcome == "succeeded"
