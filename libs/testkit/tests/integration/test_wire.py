import asyncio
from datetime import UTC, datetime, timedelta

import aio_pika
import pytest
from pymongo import MongoClient
from suture_chassis.custody import verify_message
from suture_contracts import ids
from suture_contracts.base import Principal, Reply
from suture_contracts.commands import ListTargets
from suture_contracts.custody import SIGNATURE_HEADER
from suture_contracts.events import RcaAnalyzed
from suture_contracts.findings import RcaReceived
from suture_contracts.topology import COMMANDS_EXCHANGE, DEAD_EXCHANGE
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire

FINDING = RcaReceived(
    anomaly_id="anomaly-123",
    root_cause_category="Configuration",
    root_cause_details="Missing configuration file for database connection",
    confidence_score=0.9,
)


async def test_a_published_event_arrives_with_cloudevents_attributes(wire: Wire) -> None:
    await wire.publish(FINDING, id="event-1", source="detector")
    assert await wire.expect(RcaReceived) == FINDING
    (seen,) = wire.seen(RcaReceived)
    assert (seen.type, seen.id, seen.source) == ("rca.received", "event-1", "detector")
    assert SIGNATURE_HEADER not in seen.headers


async def test_an_event_published_as_a_service_bears_its_signature(wire: Wire, trust: Identities) -> None:
    await wire.publish(FINDING, as_="analyzer")
    await wire.expect(RcaReceived)
    (seen,) = wire.seen()
    identity = verify_message(
        trust.store,
        seen.headers[SIGNATURE_HEADER],
        id=seen.id,
        source=seen.source,
        type=seen.type,
        digest=ids.sha256(seen.body),
    )
    assert (identity.name, identity.kind) == ("analyzer", "service")


async def test_an_event_that_does_not_come_is_an_assertion_error_that_lists_what_came(wire: Wire) -> None:
    await wire.publish(FINDING)
    await wire.expect(RcaReceived)
    with pytest.raises(AssertionError, match=r"no rca.analyzed within 0.1 s; seen: rca.received"):
        await wire.expect(RcaAnalyzed, timeout=0.1)


async def test_each_event_is_expected_once(wire: Wire) -> None:
    await wire.publish(FINDING)
    await wire.publish(FINDING.model_copy(update={"anomaly_id": "anomaly-2"}))
    assert (await wire.expect(RcaReceived)).anomaly_id == "anomaly-123"
    assert (await wire.expect(RcaReceived)).anomaly_id == "anomaly-2"


async def test_a_command_gets_its_owners_reply(wire: Wire, broker_url: str) -> None:
    async with await aio_pika.connect(broker_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(COMMANDS_EXCHANGE, "list-targets")

        async def answer() -> None:
            async with queue.iterator() as messages:
                async for message in messages:
                    reply = aio_pika.Message(
                        Reply(status=200, body={"targets": []}).model_dump_json().encode(),
                        correlation_id=message.correlation_id,
                    )
                    await channel.default_exchange.publish(reply, routing_key=message.reply_to or "")
                    await message.ack()

        owner = asyncio.create_task(answer())
        now = datetime.now(UTC)
        command = ListTargets(
            command_id="c-1",
            principal=Principal(id="operator", role="operator"),
            issued_at=now,
            expires_at=now + timedelta(minutes=1),
        )
        assert (await wire.request(command)).body == {"targets": []}
        owner.cancel()


async def test_dead_letters_are_taken_out_of_their_queue(wire: Wire) -> None:
    await wire.send("rca.received", b"not json", exchange=DEAD_EXCHANGE, headers={"reason": "no JSON"})
    (dead,) = await wire.dead_letters()
    assert (dead.body, dead.headers["reason"]) == (b"not json", "no JSON")
    assert await wire.dead_letters() == []


async def test_a_service_is_told_a_broker_a_store_and_a_database_of_its_own(
    trust: Identities, database: str, broker_url: str
) -> None:
    environment = trust.environment("validator")
    assert environment["SUTURE_BROKER_URL"] == broker_url
    assert environment["SUTURE_STORE_DATABASE"] == database
    assert environment["SUTURE_SIGNING_KEY_FILE"].endswith("validator.key")
    with MongoClient[dict[str, object]](environment["SUTURE_STORE_URL"]) as client:
        client[database]["documents"].insert_one({"_id": "a"})
        assert client[database]["documents"].count_documents({}) == 1
