from __future__ import annotations

import asyncio
import base64
import functools
import json
import os
import random
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from suture_chassis.custody import message_pae
from suture_chassis.custody.audit import HEAD_TYPE, Audit, JournalEntry, SignedHead
from suture_chassis.custody.chain import Head
from suture_chassis.messages import Received
from suture_contracts import ids
from suture_contracts.base import Event
from suture_contracts.examples import example
from suture_contracts.topology import EVENTS, PUBLISHERS
from suture_gateway import projection
from suture_gateway.change import merge
from suture_gateway.entries import Entries
from suture_gateway.fold import fold
from suture_gateway.journal import Journal


async def entries_of(stored: Any) -> list[dict[str, Any]]:
    return [entry async for entry in Entries(stored["journal"]).after(0)]


async def entry_where(stored: Any, **fields: Any) -> dict[str, Any] | None:
    for entry in await entries_of(stored):
        if fields.items() <= entry.items():
            return entry
    return None


async def test_every_event_is_journalled_once_in_a_chain_that_verifies(
    audited: Any, gateway: Any, wire: Any, stored: Any, eventually: Any
) -> None:
    for kind in EVENTS:
        for _ in range(2):
            await wire.publish(example(kind), as_=PUBLISHERS.get(kind), id=f"1-{kind}", source="s")

    async def all_there() -> bool:
        return len(await entries_of(stored)) >= len(EVENTS)

    await eventually(all_there)
    entries = await entries_of(stored)
    assert {entry["type"] for entry in entries} == set(EVENTS)
    assert len(entries) == len(EVENTS)
    head = audited(entries)
    assert head == Head(len(EVENTS), entries[-1]["digest"])
    signers = {entry["type"]: entry["signer"] for entry in entries}
    assert signers == {kind: PUBLISHERS.get(kind) for kind in EVENTS}
    assert await wire.dead_letters() == []


async def test_the_head_is_signed_by_the_gateways_key(
    gateway: Any, wire: Any, stored: Any, eventually: Any, trust: Any
) -> None:
    await wire.publish(example("rca.received"), id="1", source="detector")

    async def signed() -> Any:
        return await stored["journal_heads"].find_one({"_id": 1})

    head = await eventually(signed)
    statement = json.loads(head["statement"])
    [entry] = await entries_of(stored)
    assert (statement["seq"], statement["digest"]) == (1, entry["digest"])
    identity = trust.store.verify(
        head["keyid"],
        message_pae(HEAD_TYPE, head["statement"].encode()),
        base64.b64decode(head["signature"]),
    )
    assert identity.name == "gateway"


async def test_a_strangers_finding_cannot_take_the_place_of_a_services_event(
    gateway: Any, wire: Any, stored: Any, eventually: Any
) -> None:
    await wire.publish(example("rca.received"), id="1", source="suture/generator")
    await wire.publish(example("script.generated"), as_="generator", id="1", source="suture/generator")

    async def both() -> bool:
        return len(await entries_of(stored)) == 2

    await eventually(both)


async def test_what_could_not_be_parsed_is_in_no_journal_but_among_the_dead_letters(
    gateway: Any, wire: Any, stored: Any, eventually: Any
) -> None:
    await wire.send("rca.received", b"{not json", id="broken")
    await wire.send("script.approved", example("script.approved").model_dump_json().encode(), id="forged")
    await wire.publish(example("rca.received"), id="good", source="detector")

    async def good() -> bool:
        return len(await entries_of(stored)) == 1

    await eventually(good)
    letters: list[Any] = []

    async def both_dead() -> bool:
        letters.extend(await wire.dead_letters())
        return {"broken", "forged"} <= {letter.id for letter in letters}

    await eventually(both_dead)


@pytest.mark.parametrize("seed", range(3))
async def test_the_store_folds_events_in_any_order_to_the_same_document(stored: Any, seed: int) -> None:
    start = datetime(2026, 1, 15, tzinfo=UTC)
    changes = []
    for number, kind in enumerate(kind for kind in EVENTS if not kind.startswith("target.")):
        event = example(kind)
        assert isinstance(event, Event)
        at = start + timedelta(minutes=number)
        change = fold(
            event, event_id="anomaly-123" if kind == "rca.received" else kind, source="detector", at=at
        )
        assert change is not None
        if kind != "vulnerability.reported":
            changes.append(change)
    folded = stored["remediations"]
    documents = []
    for order in (changes, random.Random(seed).sample(changes * 2, len(changes) * 2)):
        await folded.delete_many({})
        for change in order:
            await folded.update_one({"_id": change.remediation_id}, change.update(), upsert=True)
        documents.append(await folded.find().to_list())
    assert documents[0] == documents[1]
    assert len(documents[0]) == 1


def finding(number: int) -> Event:
    event = example("rca.received")
    assert isinstance(event, Event)
    return event.model_copy(update={"anomaly_id": f"anomaly-{number}"})


def analyzed(remediation_id: UUID) -> Event:
    event = example("rca.analyzed")
    assert isinstance(event, Event)
    return event.model_copy(update={"remediation_id": remediation_id})


async def started(environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "suture_gateway", env=environment)


async def test_a_remediation_is_inserted_as_its_first_update_would_have_made_it(stored: Any) -> None:
    changes = [
        fold(
            example(kind), event_id=f"e-{number}", source="s", at=datetime(2026, 1, 1, 12, number, tzinfo=UTC)
        )
        for number, kind in enumerate(("rca.received", "rca.analyzed", "script.generated"))
    ]
    first = replace(changes[0], remediation_id=changes[1].remediation_id, script_id=changes[1].script_id)
    assert first.is_new
    assert not changes[1].is_new
    change = functools.reduce(merge, changes[1:], first)
    await stored["folds"].update_one({"_id": change.remediation_id}, change.update(), upsert=True)
    updated = await stored["folds"].find_one_and_delete({"_id": change.remediation_id})
    await stored["folds"].insert_one(change.document())
    assert await stored["folds"].find_one({"_id": change.remediation_id}) == updated


async def test_what_is_not_written_yet_is_written_for_who_asks(
    gateway: Any, wire: Any, stored: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "HOLD_SECONDS", 3600.0)
    await wire.publish(example("rca.received"), id="held", source="s")

    async def journalled() -> Any:
        return await entry_where(stored, event_id="held")

    await eventually(journalled)
    id = str(ids.remediation_id("s", "held"))
    assert await stored["remediations"].find_one({"_id": id}) is None
    async with gateway.client("operator") as client:
        assert (await client.get(f"/api/remediations/{id}")).json()["state"] == "received"
        await wire.publish(example("rca.received"), id="listed", source="s")
        await eventually(journalled)

        async def listed() -> bool:
            page = (await client.get("/api/remediations")).json()["remediations"]
            return str(ids.remediation_id("s", "listed")) in {each["remediation_id"] for each in page}

        await eventually(listed)


async def test_kill_9_at_any_moment_loses_nothing_and_journals_nothing_twice(
    audited: Any, trust: Any, keys_file: Path, wire: Any, stored: Any, eventually: Any
) -> None:
    environment = {
        **os.environ,
        **trust.environment("gateway"),
        "SUTURE_GATEWAY_PORT": "0",
        "SUTURE_GATEWAY_KEYS_FILE": str(keys_file),
    }
    parts, size, chance = 3, 100, random.Random(1)
    count = parts * size
    process = await started(environment)
    try:
        await eventually(lambda: stored["journal"].index_information())
        for part in range(parts):
            fatal = chance.randrange(5, 60)
            for number in range(part * size, (part + 1) * size):
                await wire.publish(finding(number), id=str(number), source="detector")
                remediation = ids.remediation_id("detector", str(number))
                await wire.publish(
                    analyzed(remediation), as_="analyzer", id=f"a{number}", source="suture/analyzer"
                )
                if number == part * size + fatal:
                    newer = {"_id": {"$gt": part * size * 2}}
                    await eventually(functools.partial(stored["journal"].find_one, newer))
                    process.kill()
                    await process.wait()
                    process = await started(environment)

        async def folded() -> bool:
            done = await stored["remediations"].count_documents({"head.state": "analyzed"})
            return bool(done == count)

        await eventually(folded, 60)
    finally:
        process.kill()
        await process.wait()
    entries = await entries_of(stored)
    assert audited(entries) == Head(count * 2, entries[-1]["digest"])
    assert len({entry["key"] for entry in entries}) == count * 2
    both = {"states.0": {"$exists": True}, "states.10": {"$exists": True}}
    assert await stored["remediations"].count_documents(both) == count


async def test_an_entry_that_a_crash_left_unfolded_is_folded_at_the_next_start(
    gateway_settings: dict[str, Any], run_gateway: Any, wire: Any, stored: Any, eventually: Any
) -> None:
    remediation = str(ids.remediation_id("detector", "1"))

    async def is_folded() -> Any:
        return await stored["remediations"].find_one({"_id": remediation})

    async with run_gateway(gateway_settings):
        await wire.publish(finding(1), id="1", source="detector")
        before = await eventually(is_folded)
    # As if the process had died between the journal's write and the fold's.
    await stored["remediations"].delete_many({})
    await stored["gateway_positions"].delete_many({})
    async with run_gateway(gateway_settings):
        assert await eventually(is_folded) == before


async def test_what_a_gateway_journalled_that_died_for_good_is_folded_by_an_idle_one(
    gateway: Any, wire: Any, stored: Any, eventually: Any
) -> None:
    async def dead(*_: object) -> None:
        """It died before it folded."""

    journal = Journal(Entries(stored["journal"]), lambda *_: None, dead)
    writing = asyncio.create_task(journal.run())
    event = finding(1)
    body = event.model_dump_json().encode()
    await journal.append(
        Received(event, "1", "detector", event.TYPE, body, ids.sha256(body), None, 0, datetime.now(UTC))
    )
    writing.cancel()

    async def is_folded() -> Any:
        return await stored["remediations"].find_one({"_id": str(ids.remediation_id("detector", "1"))})

    await eventually(is_folded)


async def test_two_gateways_write_one_chain(
    audited: Any, gateway_settings: dict[str, Any], run_gateway: Any, wire: Any, stored: Any, eventually: Any
) -> None:
    count = 200
    other = {**gateway_settings, "instance": "1"}
    async with run_gateway(gateway_settings), run_gateway(other):
        for number in range(count):
            await wire.publish(finding(number), id=str(number), source="detector")

        async def folded() -> bool:
            return await stored["remediations"].count_documents({}) == count

        await eventually(folded, 60)
        entries = await entries_of(stored)
    assert audited(entries) == Head(count, entries[-1]["digest"])
    assert len({entry["key"] for entry in entries}) == count


async def test_an_event_of_no_remediation_is_journalled_alone(
    gateway: Any, wire: Any, stored: Any, eventually: Any
) -> None:
    await wire.publish(example("target.registered"), as_="executor", id=str(uuid4()))

    async def journalled() -> Any:
        return await entry_where(stored, type="target.registered")

    entry = await eventually(journalled)
    assert entry["remediation_id"] is None
    assert await stored["remediations"].count_documents({}) == 0


async def test_a_strangers_clock_is_not_believed(
    gateway: Any, wire: Any, stored: Any, eventually: Any
) -> None:
    body = finding(1).model_dump_json().encode()
    for number, at in enumerate(("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z")):
        headers = {"cloudEvents_time": at}
        await wire.send("rca.received", body, id=str(number), source="detector", headers=headers)

    async def folded() -> bool:
        return await stored["remediations"].count_documents({}) == 2

    await eventually(folded)
    now = datetime.now(UTC)
    async for document in stored["remediations"].find():
        assert now - timedelta(minutes=1) < document["created"] <= now


async def test_an_auditor_reads_the_journal_over_the_api_and_names_what_somebody_changed_in_the_store(
    gateway: Any, wire: Any, stored: Any, eventually: Any, trust: Any
) -> None:
    for number in range(5):
        await wire.publish(example("script.approved"), as_="approver", id=str(number))

        async def journalled(number: int = number) -> Any:
            return await entry_where(stored, event_id=str(number))

        await eventually(journalled)  # so that each is a batch of its own
    await eventually(lambda: stored["journal_heads"].find_one({"_id": 5}))

    async def audit() -> list[int]:
        async with gateway.client("supervisor") as supervisor:
            heads = (await supervisor.get("/api/audit/heads")).json()
            entries: list[JournalEntry] = []
            after = 0
            while after is not None:
                page = (
                    await supervisor.get("/api/audit/entries", params={"after": after, "limit": 2})
                ).json()
                entries += map(JournalEntry.model_validate, page["entries"])
                after = page["next_after"]
        checked = Audit(trust.store, map(SignedHead.model_validate, heads["heads"]))
        return [each.seq for each in checked.check(entries)]

    assert await audit() == []
    [entry] = (await stored["journal"].find_one({"_id": 2}))["entries"]
    changed = {**entry, "body": entry["body"].replace(b"a", b"b", 1)}
    await stored["journal"].update_one({"_id": 2}, {"$set": {"entries": [changed]}})
    assert await audit() == [2]
    await stored["journal"].delete_one({"_id": 3})
    assert await audit() == [2, 3]
    await stored["journal"].delete_many({"_id": {"$gt": 3}})
    assert await audit() == [2, 3]


async def test_a_remediations_entries_are_read_apart(gateway: Any, wire: Any, eventually: Any) -> None:
    one, other = (example("script.approved").model_copy(update={"remediation_id": uuid4()}) for _ in range(2))
    for number, event in enumerate((one, other, one)):
        await wire.publish(event, as_="approver", id=str(number))
    async with gateway.client("supervisor") as supervisor:
        query = {"remediation_id": str(one.remediation_id)}

        async def both() -> Any:
            page = (await supervisor.get("/api/audit/entries", params=query)).json()
            return page if len(page["entries"]) == 2 else None

        page = await eventually(both)
    assert {entry["remediation_id"] for entry in page["entries"]} == {str(one.remediation_id)}
    assert page["next_after"] is None
