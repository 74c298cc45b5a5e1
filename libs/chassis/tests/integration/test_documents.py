"""Guarded writes with inbox and outbox, on the real store."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from suture_chassis.app import Service
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_chassis.store import Documents, Written
from suture_contracts.events import RcaAnalyzed
from suture_contracts.examples import example


def received(id: str = "1", source: str = "detector") -> Received[Any]:
    message = example("rca.received")
    return Received(message, id, source, message.TYPE, b"{}", "0" * 64, None, 0, datetime.now(UTC))


def event(sequence: int = 0) -> RcaAnalyzed:
    message = example("rca.analyzed")
    assert isinstance(message, RcaAnalyzed)
    return message.model_copy(update={"sequence": sequence})


@pytest.fixture
async def service(settings_for):
    made = Service("analyzer", settings_for("analyzer"))
    made.store.documents("things")
    async with made:
        yield made


@pytest.fixture
def things(service) -> Documents:
    return service.store.documents("things")


async def test_a_document_is_read_without_inbox_and_outbox(things) -> None:
    written = await things.insert({"_id": "a", "state": "new"}, events=[event()], cause=received())
    assert written is Written.APPLIED
    assert await things.get("a") == {"_id": "a", "state": "new"}
    assert await things.get("b") is None


async def test_documents_without_events_have_no_outbox_index_and_take_none(service) -> None:
    plain = service.store.documents("plain", events=False)
    await plain.prepare()
    assert await plain.insert({"_id": "a", "state": "new"}, cause=received()) is Written.APPLIED
    assert "outbox.at_1" not in await service.store.collection("plain").index_information()
    with pytest.raises(ValueError, match="no events"):
        await plain.insert({"_id": "b", "state": "new"}, events=[event()])


async def test_writes_that_may_linger_share_one_round_trip(service) -> None:
    slow = service.store.documents("slow", events=False, linger=0.2)

    async def write(number: int) -> None:
        await asyncio.sleep(number / 50)
        await slow.insert({"_id": str(number), "state": "new"}, cause=received(str(number)))

    before = batches(service)
    await asyncio.gather(*(write(number) for number in range(5)))
    assert batches(service) == before + 1
    assert await service.store.collection("slow").count_documents({}) == 5


def batches(service: Service) -> float:
    return service.metrics.registry.get_sample_value("suture_commit_batch_count") or 0.0


async def test_an_insert_by_the_same_message_publishes_the_stored_bytes(things, wire) -> None:
    await things.insert({"_id": "a", "state": "new"}, events=[event()], cause=received())
    other = event().model_copy(update={"reason": "another run of the same handler"})
    written = await things.insert({"_id": "a", "state": "new"}, events=[other], cause=received())
    assert written is Written.DUPLICATE
    await wire.expect(RcaAnalyzed)
    await wire.expect(RcaAnalyzed)
    first, second = wire.seen(RcaAnalyzed)
    assert first.body == second.body
    assert first.headers == second.headers


async def test_an_insert_by_another_message_conflicts_and_publishes_nothing(things, wire) -> None:
    await things.insert({"_id": "a", "state": "new"}, cause=received("1"))
    with pytest.raises(Conflict) as caught:
        await things.insert({"_id": "a", "state": "other"}, events=[event()], cause=received("2"))
    assert caught.value.current == {"_id": "a", "state": "new"}
    assert caught.value.status == 409
    with pytest.raises(Conflict):
        await things.insert({"_id": "a", "state": "other"}, events=[event()], cause=received("1", "other"))
    with pytest.raises(Conflict):
        await things.insert({"_id": "a", "state": "other"})
    assert wire.seen(RcaAnalyzed) == []


async def test_an_update_needs_its_guard(things, wire) -> None:
    await things.insert({"_id": "a", "state": "new", "revision": 1}, cause=received("1"))
    change = {"$set": {"state": "done"}, "$inc": {"revision": 1}}
    guard = {"state": "new", "revision": 1}
    assert await things.update("a", guard=guard, change=change, events=[event()], cause=received("2")) is (
        Written.APPLIED
    )
    await wire.expect(RcaAnalyzed)
    with pytest.raises(Conflict) as caught:
        await things.update("a", guard=guard, change=change, events=[event(1)], cause=received("3"))
    assert caught.value.current == {"_id": "a", "state": "done", "revision": 2}
    assert len(wire.seen(RcaAnalyzed)) == 1


async def test_an_update_by_the_same_message_is_a_duplicate_even_where_the_guard_holds(things, wire) -> None:
    await things.insert({"_id": "a", "state": "new", "count": 0}, cause=received("1"))
    for expected in (Written.APPLIED, Written.DUPLICATE):
        written = await things.update(
            "a",
            guard={"state": "new"},
            change={"$inc": {"count": 1}},
            events=[event()],
            cause=received("2"),
        )
        assert written is expected
        await wire.expect(RcaAnalyzed)
    document = await things.get("a")
    assert document is not None
    assert document["count"] == 1


async def test_an_update_of_what_is_not_there_says_so(things) -> None:
    with pytest.raises(Conflict) as caught:
        await things.update("nowhere", guard={}, change={"$set": {"state": "x"}}, cause=received())
    assert caught.value.status == 404


async def test_in_one_batch_each_write_gets_its_own_answer(things) -> None:
    await asyncio.gather(
        *(things.insert({"_id": str(n), "state": "new", "n": 0}, cause=received(f"i{n}")) for n in range(40))
    )

    def change(number: int, state: str, cause: Received[Any] | None) -> Any:
        return things.update(
            str(number), guard={"state": state}, change={"$inc": {"n": 1}}, cause=cause, events=[]
        )

    results = await asyncio.gather(
        *(change(n, "new" if n % 2 else "other", received(f"u{n}") if n % 3 else None) for n in range(40)),
        return_exceptions=True,
    )
    for number, result in enumerate(results):
        assert (result is Written.APPLIED) if number % 2 else isinstance(result, Conflict)
        document = await things.get(str(number))
        assert document is not None
        assert document["n"] == number % 2


async def test_of_many_that_race_for_one_document_one_wins(things) -> None:
    await things.insert({"_id": "a", "state": "new"}, cause=received("0"))
    results = await asyncio.gather(
        *(
            things.update(
                "a", guard={"state": "new"}, change={"$set": {"state": "won"}}, cause=received(f"r{n}")
            )
            for n in range(30)
        ),
        return_exceptions=True,
    )
    assert [type(result) for result in results].count(Written) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 29


async def test_the_inbox_is_bounded_to_the_newest(service, things) -> None:
    await things.insert({"_id": "a", "state": "new", "n": 0}, cause=received("first"))
    for number in range(205):
        await things.update("a", guard={}, change={"$inc": {"n": 1}}, cause=received(f"m{number}"), events=[])
    raw = await service.store.collection("things").find_one({"_id": "a"})
    assert len(raw["inbox"]) == 200
    assert "detector m204" in raw["inbox"]
    assert raw["n"] == 205


async def test_one_document_that_cannot_be_stored_does_not_fail_its_neighbours(things) -> None:
    results = await asyncio.gather(
        *(
            things.insert(
                {"_id": str(n), "state": "new", "value": object() if n == 3 else n}, cause=received()
            )
            for n in range(8)
        ),
        return_exceptions=True,
    )
    assert isinstance(results[3], PermanentError)
    assert all(result is Written.APPLIED for n, result in enumerate(results) if n != 3)


async def test_two_events_with_one_id_are_refused(things) -> None:
    with pytest.raises(ValueError, match="share type and sequence"):
        await things.insert({"_id": "a", "state": "new"}, events=[event(), event()], cause=received())


@pytest.mark.parametrize(
    ("guard", "change"),
    [
        ({}, {"state": "x"}),
        ({}, {"$set": {"inbox": []}}),
        ({}, {"$push": {"outbox": 1}}),
        ({}, {"$set": {"outbox.0.at": 1}}),
        ({"_id": "b"}, {"$set": {"state": "x"}}),
    ],
)
async def test_a_change_past_the_rules_is_refused(things, guard, change) -> None:
    with pytest.raises(ValueError):
        await things.update("a", guard=guard, change=change, cause=received())


async def test_a_store_that_is_down_is_a_temporary_error_for_every_caller(settings_for, free_port) -> None:
    dead = f"mongodb://127.0.0.1:{free_port}/?retryWrites=false&serverSelectionTimeoutMS=300"
    service = Service("analyzer", settings_for("analyzer", store_url=dead))
    things = service.store.documents("things")
    results = await asyncio.gather(
        *(things.insert({"_id": str(n), "state": "new"}, cause=received()) for n in range(5)),
        return_exceptions=True,
    )
    assert all(isinstance(result, TemporaryError) for result in results)
    await service.store.close()
