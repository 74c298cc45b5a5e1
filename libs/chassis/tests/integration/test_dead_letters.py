"""Dead letters are listed, shown, replayed and dropped."""

from __future__ import annotations

import pytest
from suture_chassis.errors import PermanentError
from suture_contracts.events import RcaAnalyzed
from suture_contracts.topology import DELIVERY_LIMIT
from suture_testkit.waiting import eventually


async def refuse(received) -> None:
    raise PermanentError("not today", field="category", remedy="replay tomorrow")


async def dead(service, count: int):
    letters = []

    async def arrived() -> bool:
        letters[:] = (await service.dead_letters.list()).letters
        return len(letters) == count

    await eventually(arrived)
    return letters


async def test_a_replayed_letter_is_handled_as_new(analyzer, wire, finding) -> None:
    analyzer.before = refuse
    async with analyzer.service:
        await wire.publish(finding, id="1", source="detector")
        (letter,) = await dead(analyzer.service, 1)
        assert letter.origin == "analyzer.rca.received"
        assert (letter.reason, letter.field, letter.remedy) == ("not today", "category", "replay tomorrow")
        assert letter.type == "rca.received"
        assert letter.body == finding.model_dump_json()
        analyzer.before = None
        await analyzer.service.dead_letters.replay(letter.id)
        event = await wire.expect(RcaAnalyzed)
        assert event.causation_id == "1"
        assert analyzer.handled[-1].attempt == 0
        assert await dead(analyzer.service, 0) == []


async def test_a_letter_is_shown_and_dropped_and_the_others_stay(analyzer, wire, finding) -> None:
    analyzer.before = refuse
    async with analyzer.service:
        for number in range(4):
            await wire.publish(finding, id=str(number), source="detector")
        letters = await dead(analyzer.service, 4)
        assert len({letter.id for letter in letters}) == 4
        chosen = letters[2]
        assert await analyzer.service.dead_letters.show(chosen.id) == chosen
        assert await analyzer.service.dead_letters.drop(chosen.id) == chosen
        left = await dead(analyzer.service, 3)
        assert {letter.id for letter in left} == {letter.id for letter in letters} - {chosen.id}


async def test_every_letter_is_reached_page_by_page(analyzer, wire, finding) -> None:
    analyzer.before = refuse
    async with analyzer.service:
        for number in range(5):
            await wire.publish(finding, id=str(number), source="detector")
        every = [letter.id for letter in await dead(analyzer.service, 5)]
        pages, after = [], ""
        while True:
            page = await analyzer.service.dead_letters.list(limit=2, after=after)
            pages.append([letter.id for letter in page.letters])
            if page.next is None:
                break
            after = page.next
        assert pages == [every[:2], every[2:4], every[4:]]
        found = await analyzer.service.dead_letters.list(limit=2, begins=every[3][:12])
        assert [letter.id for letter in found.letters] == [every[3]]


async def test_an_unknown_letter_is_not_found(analyzer) -> None:
    async with analyzer.service:
        for call in ("show", "replay", "drop"):
            with pytest.raises(PermanentError) as caught:
                await getattr(analyzer.service.dead_letters, call)("nothing")
            assert caught.value.status == 404


async def test_looking_is_no_attempt_and_removes_nothing(analyzer, wire, finding) -> None:
    analyzer.before = refuse
    async with analyzer.service:
        await wire.publish(finding, id="1", source="detector")
        first = await dead(analyzer.service, 1)
        for _ in range(30):
            assert (await analyzer.service.dead_letters.list()).letters == first


async def test_what_the_broker_itself_gave_up_is_listed_and_replayed(make_analyzer, wire, finding) -> None:
    async with make_analyzer().service:
        pass
    await wire.publish(finding, id="1", source="detector")
    queue = await wire.channel.get_queue("analyzer.rca.received", ensure=False)
    for _ in range(DELIVERY_LIMIT + 1):
        message = await queue.get(timeout=5)
        await message.nack(requeue=True)

    async with make_analyzer().service as service:
        (letter,) = await dead(service, 1)
        assert letter.origin == "analyzer.rca.received"
        assert letter.reason == "the broker gave it up: delivery_limit"
        await service.dead_letters.replay(letter.id)
        await wire.expect(RcaAnalyzed)
