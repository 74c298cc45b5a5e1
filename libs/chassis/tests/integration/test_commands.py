"""Commands: who may ask, what they get, once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from suture_chassis import answering
from suture_chassis.app import Service
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_contracts.base import Principal, Reply
from suture_contracts.commands import RemoveTarget
from suture_contracts.topology import COMMANDS_EXCHANGE


def remove(
    id: str = "c1",
    *,
    principal: Principal | None = None,
    expires_in: float = 60,
    target: str = "orders-host",
) -> RemoveTarget:
    now = datetime.now(UTC)
    return RemoveTarget(
        command_id=id,
        principal=principal or Principal(id="anna", role="operator"),
        issued_at=now,
        expires_at=now + timedelta(seconds=expires_in),
        target_id=target,
    )


class Executor:
    """Owns one command; ``behave`` decides what its handler does."""

    def __init__(self, settings: Any, roles: set[Any] | None = None) -> None:
        self.service = Service("executor", settings)
        self.targets = self.service.store.documents("targets")
        self.asked: list[Received[RemoveTarget]] = []
        self.error: Exception | None = None
        self.service.command(RemoveTarget, self.remove_target, roles=roles)

    async def remove_target(self, received: Received[RemoveTarget]) -> Reply:
        self.asked.append(received)
        if self.error is not None:
            raise self.error
        target = received.message.target_id
        await self.targets.insert({"_id": target, "state": "removed"}, cause=received)
        return Reply(status=200, body={"id": target})


@pytest.fixture
def executor(settings_for) -> Executor:
    return Executor(settings_for("executor"))


async def test_the_owner_answers(executor, wire) -> None:
    async with executor.service:
        reply = await wire.request(remove())
    assert reply == Reply(status=200, body={"id": "orders-host"})
    (asked,) = executor.asked
    assert (asked.id, asked.source, asked.signer) == ("c1", "api:anna", "gateway")


async def test_the_same_command_again_gets_the_same_answer_and_has_one_effect(executor, wire) -> None:
    async with executor.service:
        replies = [await wire.request(remove()) for _ in range(3)]
        count = await executor.service.store.collection("targets").count_documents({})
    assert replies[0] == replies[1] == replies[2]
    assert count == 1


async def test_the_same_command_id_of_somebody_else_is_another_command(executor, wire) -> None:
    async with executor.service:
        await wire.request(remove())
        reply = await wire.request(remove(principal=Principal(id="bert", role="operator")))
    assert reply.status == 409
    assert reply.problem is not None
    assert reply.problem.state == {"_id": "orders-host", "state": "removed"}


async def test_a_service_asks_another(executor, settings_for) -> None:
    gateway = Service("gateway", settings_for("gateway"))
    async with executor.service, gateway:
        replies = await asyncio.gather(
            *(gateway.send_command(remove(f"c{n}", target=f"t{n}")) for n in range(40))
        )
    assert [reply.body["id"] for reply in replies] == [f"t{n}" for n in range(40)]


async def test_nobody_there_is_a_temporary_error(settings_for) -> None:
    gateway = Service("gateway", settings_for("gateway"))
    async with gateway:
        with pytest.raises(TemporaryError, match="did not answer within"):
            await gateway.send_command(remove(), timeout=0.3)


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (PermanentError("no such target", field="target_id", status=404), 404, "no such target"),
        (Conflict("stale", current={"state": "running"}), 409, "stale"),
        (KeyError("internal detail"), 500, "its log says more"),
    ],
)
async def test_an_error_comes_back_as_a_problem(executor, wire, error, status, detail) -> None:
    executor.error = error
    async with executor.service:
        reply = await wire.request(remove())
    assert reply.status == status
    assert reply.problem is not None
    assert reply.problem.status == status
    assert detail in reply.problem.detail
    assert "internal detail" not in reply.model_dump_json()
    assert await wire.dead_letters() == []


async def test_a_temporary_error_is_tried_again_while_the_caller_waits(executor, wire) -> None:
    executor.error = TemporaryError("the store is away")

    async def recover() -> None:
        while not executor.asked:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        executor.error = None

    async with executor.service:
        _, reply = await asyncio.gather(recover(), wire.request(remove()))
    assert reply.status == 200
    assert [asked.attempt for asked in executor.asked] == [0, 1]


async def test_a_temporary_error_that_would_outlive_the_command_is_told(executor, wire) -> None:
    executor.error = TemporaryError("the store is away")
    async with executor.service:
        reply = await wire.request(remove(expires_in=2))
    assert reply.status == 503
    assert reply.problem is not None
    assert "command_id" in (reply.problem.remedy or "")


async def test_a_command_without_reply_address_that_is_refused_is_dead(
    executor, wire, one_dead_letter
) -> None:
    executor.error = PermanentError("no such target", field="target_id", status=404)
    async with executor.service:
        await wire.publish(remove(), as_="gateway")
        dead = await one_dead_letter()
    assert dead.headers["suture_dead_reason"] == "no such target"


async def test_an_expired_command_is_gone(executor, wire) -> None:
    async with executor.service:
        reply = await wire.request(remove(expires_in=-1))
    assert reply.status == 410
    assert executor.asked == []


async def test_a_bad_command_is_told_which_field(executor, wire) -> None:
    async with executor.service:
        body = remove().model_dump_json().replace("orders-host", "no spaces allowed").encode()
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        wire._replies["bad"] = answered
        await wire.send(
            "remove-target", body, as_="gateway", id="bad", exchange=COMMANDS_EXCHANGE, reply=True
        )
        reply = Reply.model_validate_json(await asyncio.wait_for(answered, 10))
    assert reply.status == 422
    assert reply.problem is not None
    assert reply.problem.field == "target_id"


async def test_a_principal_may_ask_with_the_own_key(executor, wire) -> None:
    async with executor.service:
        reply = await wire.request(
            remove(principal=Principal(id="supervisor", role="supervisor")), as_="supervisor"
        )
    assert reply.status == 200
    assert executor.asked[0].signer == "supervisor"


@pytest.mark.parametrize(
    ("principal", "signer"),
    [
        (Principal(id="supervisor-2", role="supervisor"), "supervisor"),
        (Principal(id="supervisor", role="admin"), "supervisor"),
        (Principal(id="anna", role="operator"), "executor"),
        (Principal(id="gateway", role="admin"), "agent"),
    ],
)
async def test_nobody_asks_in_another_name(executor, wire, one_dead_letter, principal, signer) -> None:
    async with executor.service:
        reply = await wire.request(remove(principal=principal), as_=signer)
        dead = await one_dead_letter()
        metrics = executor.service.metrics.render().decode()
    assert reply.status == 403
    assert executor.asked == []
    assert dead.headers["suture_dead_error"] == "Forged"
    assert 'suture_forged_total{type="remove-target"} 1.0' in metrics


async def test_an_unsigned_command_is_refused(executor, wire, one_dead_letter) -> None:
    async with executor.service:
        await wire.publish(remove())
        dead = await one_dead_letter()
    assert dead.headers["suture_dead_error"] == "Forged"
    assert executor.asked == []


async def test_a_role_that_may_not_is_told_who_may(settings_for, wire) -> None:
    executor = Executor(settings_for("executor"), roles={"supervisor", "admin"})
    async with executor.service:
        reply = await wire.request(remove())
    assert reply.status == 403
    assert reply.problem is not None
    assert reply.problem.remedy == "ask somebody who is admin or supervisor"
    assert executor.asked == []


async def test_a_forged_reply_is_not_believed(executor, settings_for, trust) -> None:
    # A process with another service's key sits on the owner's queue.
    impostor = Executor(settings_for("executor", signing_key_file=trust.ring.key_file("generator")))
    gateway = Service("gateway", settings_for("gateway"))
    async with impostor.service, gateway:
        with pytest.raises(TemporaryError, match="not executor's"):
            await gateway.send_command(remove(), timeout=5)


async def test_an_earlier_reply_does_not_stand_for_another_one(executor, settings_for, monkeypatch) -> None:
    monkeypatch.setattr(answering, "reply_id", lambda correlation_id: "earlier.reply")
    gateway = Service("gateway", settings_for("gateway"))
    async with executor.service, gateway:
        with pytest.raises(TemporaryError, match="answers something else"):
            await gateway.send_command(remove(), timeout=5)
