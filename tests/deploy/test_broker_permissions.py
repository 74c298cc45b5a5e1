"""Who may do what on the broker, on a real one with the deployment's own users."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused
from suture_approver.main import Settings, build
from suture_chassis.app import Service
from suture_contracts import topology
from suture_contracts.topology import COMMANDS_EXCHANGE, DEAD_EXCHANGE, EVENTS_EXCHANGE
from suture_testkit.identities import Identities

FINDINGS = ("rca.received", "vulnerability.reported")


async def publish(channel: AbstractChannel, exchange: str, key: str) -> None:
    target = (
        channel.default_exchange if exchange == "" else await channel.get_exchange(exchange, ensure=False)
    )
    await target.publish(aio_pika.Message(b"{}"), routing_key=key)


async def count(channel: AbstractChannel, queue: str) -> int:
    declared = await channel.declare_queue(queue, passive=True)
    return declared.declaration_result.message_count or 0


async def is_refused(broker: Any, user: str, exchange: str, key: str) -> bool:
    try:
        await publish(await broker.channel(user), exchange, key)
    except ChannelAccessRefused:
        return True
    return False


async def test_a_stranger_may_report_findings_and_publish_nothing_else(broker: Any) -> None:
    for finding in FINDINGS:
        await publish(await broker.channel("detector"), EVENTS_EXCHANGE, finding)
        assert await count(await broker.channel("admin"), f"analyzer.{finding}") == 1
    other = [key for key in topology.EVENTS if key not in FINDINGS]
    attempts = [
        *((EVENTS_EXCHANGE, key) for key in other),
        *((COMMANDS_EXCHANGE, key) for key in topology.COMMANDS),
        ("", "executor.script.approved"),
        (topology.delay_exchange(5), "executor.script.approved"),
        (DEAD_EXCHANGE, "rca.received"),
    ]
    assert [each for each in attempts if not await is_refused(broker, "detector", *each)] == []


async def test_a_stranger_may_read_nothing(broker: Any) -> None:
    for queue in topology.queues():
        channel = await broker.channel("detector")
        with pytest.raises(ChannelAccessRefused):
            await (await channel.get_queue(queue.name, ensure=False)).consume(_ignore)
    channel = await broker.channel("detector")
    with pytest.raises(ChannelAccessRefused):
        await channel.declare_queue("mine")


async def test_supervisors_tools_read_approvals_and_decide_and_nothing_else(broker: Any) -> None:
    await publish(await broker.channel("admin"), EVENTS_EXCHANGE, "approval.requested")
    channel = await broker.channel("supervisors")
    approvals = await channel.get_queue(topology.SUPERVISORS_QUEUE, ensure=False)
    assert await approvals.get(no_ack=True) is not None
    for key in ("approve", "deny", "request-rollback"):
        await publish(channel, COMMANDS_EXCHANGE, key)
    for exchange, key in (
        (COMMANDS_EXCHANGE, "execute"),
        (COMMANDS_EXCHANGE, "register-target"),
        (EVENTS_EXCHANGE, "script.approved"),
        (EVENTS_EXCHANGE, "rca.received"),
        ("", "executor.script.approved"),
    ):
        assert await is_refused(broker, "supervisors", exchange, key)
    with pytest.raises(ChannelAccessRefused):
        await (await channel.get_queue("executor.script.approved", ensure=False)).get(no_ack=True)


async def test_an_observer_binds_a_queue_of_its_own_to_executions_alone(broker: Any) -> None:
    channel = await broker.channel("observer")
    own = await channel.declare_queue("observability.dashboard", auto_delete=True)
    await own.bind(EVENTS_EXCHANGE, "execution.*")
    await publish(await broker.channel("executor"), EVENTS_EXCHANGE, "execution.started")
    await until(lambda: own.get(no_ack=True, fail=False))
    with pytest.raises(ChannelAccessRefused):
        await own.bind(EVENTS_EXCHANGE, "script.*")


async def test_a_service_publishes_its_own_events_and_no_other_service_s(broker: Any) -> None:
    for service in topology.SERVICES:
        for key, publisher in topology.PUBLISHERS.items():
            assert await is_refused(broker, service, EVENTS_EXCHANGE, key) is (publisher != service)
        assert await is_refused(broker, service, COMMANDS_EXCHANGE, "approve") is (service != "gateway")
        assert not await is_refused(broker, service, topology.delay_exchange(5), f"{service}.x")
        other = "executor.script.approved" if service != "executor" else "approver.script.validated"
        assert await is_refused(broker, service, topology.delay_exchange(5), other)


async def test_a_service_reads_its_own_queues_and_no_other_service_s(broker: Any) -> None:
    # A delay's queue and exchange share a name, and to bind takes the right to read.
    delays = {topology.delay_exchange(seconds) for seconds in topology.DELAYS_SECONDS}
    for service in topology.SERVICES:
        for queue in topology.queues():
            if queue.name not in delays:
                dead = service == "gateway" and queue.name == topology.DEAD_QUEUE
                own = dead or queue.name.startswith(f"{service}.")
                assert await may_read(broker, service, queue.name) is own


async def may_read(broker: Any, user: str, queue: str) -> bool:
    declared = await (await broker.channel(user)).get_queue(queue, ensure=False)
    try:
        await declared.get(no_ack=True, fail=False)
    except ChannelAccessRefused:
        return False
    return True


async def test_a_service_starts_and_consumes_with_no_more_rights_than_its_user_has(
    broker: Any, trust: Identities
) -> None:
    settings = trust.settings_for("approver") | {"broker_url": broker.url("approver")}
    async with build(Settings(**settings)) as service:
        await until(lambda: is_ready(service))
        # Unsigned: it goes to the dead letters, which takes the right to publish there.
        await publish(await broker.channel("admin"), EVENTS_EXCHANGE, "script.validated")
        admin = await broker.channel("admin")
        await until(lambda: count(admin, topology.DEAD_QUEUE))


async def is_ready(service: Service) -> bool:
    return not await service.missing()


async def until(ask: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(20):
        while True:
            if await ask():
                return
            await asyncio.sleep(0.05)


async def _ignore(_: Any) -> None:
    return None


def test_nobody_but_its_user_reads_a_secret_and_each_container_has_its_own_alone(secrets: Path) -> None:
    for path in secrets.rglob("*"):
        public = path.name in ("trust.json", ".trust.json.lock")
        assert public or path.stat().st_mode & 0o077 == 0
    known = json.loads((secrets / "master" / "secrets.json").read_text())
    for service in topology.SERVICES:
        text = "".join(path.read_text() for path in (secrets / service).iterdir())
        others = [value for name, value in known["broker"].items() if name != service]
        assert known["broker"][service] in text
        assert not [value for value in (*others, *known["api"].values()) if value in text]


def test_starting_again_keeps_every_password_and_key(secrets: Path, start_again: Callable[[], None]) -> None:
    before = {path: path.read_text() for path in secrets.rglob("*") if path.is_file()}
    start_again()
    after = {path: path.read_text() for path in secrets.rglob("*") if path.is_file()}
    changed = {path.name for path in before if before[path] != after[path]}
    # Only the salts of the password hashes are new.
    assert changed <= {"definitions.json"}
    assert set(before) == set(after)
