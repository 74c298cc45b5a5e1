"""What the API refuses, and how it says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
from suture_chassis.errors import Conflict, PermanentError
from suture_contracts import commands, ids
from suture_contracts.base import Reply
from suture_contracts.examples import example

BASE = "/api/generative-remediation"
SCRIPT = ids.script_id(ids.remediation_id("detector", "anomaly-123"))
FINDING = {
    "anomaly_id": "anomaly-1",
    "root_cause_category": "Configuration",
    "root_cause_details": "A file is missing",
    "confidence_score": 0.9,
}
DECISION = {"revision": 1, "digest": "0" * 64}
JSON = {"Content-Type": "application/json"}


def problem(answer: httpx.Response, status: int, field: str | None = None) -> dict[str, Any]:
    """The problem of an answer, which has to be one, whole."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["type"]
    assert body.get("field") == field
    return body


async def test_what_is_not_there_is_not_found(as_role: Any, owners: Any) -> None:
    agent = as_role("agent")
    problem(await agent.get("/api/nothing"), 404)
    problem(await agent.get("/api/remediations/"), 404)
    problem(await agent.get(f"{BASE}/scripts/{SCRIPT}"), 404, "script_id")
    problem(await agent.get(f"/api/remediations/{SCRIPT}"), 404, "remediation_id")
    problem(await agent.post(f"{BASE}/scripts/{SCRIPT}/execute"), 404, "script_id")
    problem(await as_role("admin").post(f"/api/remediations/{SCRIPT}/rollback"), 404, "remediation_id")


async def test_a_body_over_a_megabyte_is_refused_by_its_announced_length(as_role: Any) -> None:
    answer = await as_role("agent").post("/api/findings", content=b"x" * 10_000_000, headers=JSON)
    problem(answer, 413)


async def test_a_body_without_a_length_is_refused_while_it_is_read(gateway: Any) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 500_000_000:
            sent += 65_536
            yield b"x" * 65_536

    async with gateway.client("agent") as client:
        try:
            answer = await client.post("/api/findings", content=endless(), headers=JSON)
            problem(answer, 413)
        except (httpx.WriteError, httpx.ReadError):
            pass  # the gateway closed the connection under the sender
    assert sent < 50_000_000


async def test_what_an_owner_refuses_is_passed_on_with_the_current_state(as_role: Any, owners: Any) -> None:
    async def stale(received: Any) -> Reply:
        raise Conflict("the script is at revision 2", current={"revision": 2}, field="revision")

    async def not_allowed(received: Any) -> Reply:
        raise PermanentError("no one approves their own request", remedy="ask someone else", status=403)

    await owners("approver", {commands.Approve: stale, commands.Deny: not_allowed})
    supervisor = as_role("supervisor")
    conflict = problem(
        await supervisor.post(f"{BASE}/scripts/{SCRIPT}/approve", json=DECISION), 409, "revision"
    )
    assert conflict["state"] == {"revision": 2}
    refused = problem(await supervisor.post(f"{BASE}/scripts/{SCRIPT}/deny", json=DECISION), 403)
    assert refused["remedy"] == "ask someone else"


async def test_an_owner_that_is_away_is_unavailable(as_role: Any) -> None:
    answer = await as_role("agent").get("/api/targets")
    assert problem(answer, 503)["remedy"]
    assert int(answer.headers["retry-after"]) >= 1


async def test_too_many_requests_with_a_key_are_held_back(
    gateway_settings: dict[str, Any], run_gateway: Any
) -> None:
    slow = {**gateway_settings, "gateway_rate_per_second": 0.5, "gateway_rate_burst": 3}
    async with (
        run_gateway(slow) as gateway,
        gateway.client("agent") as agent,
        gateway.client("admin") as admin,
    ):
        answers = [await agent.get("/api/remediations") for _ in range(4)]
        assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
        problem(answers[3], 429)
        assert 1 <= int(answers[3].headers["retry-after"]) <= 3
        assert (await admin.get("/api/remediations")).status_code == 200
        assert (await agent.get("/health")).status_code == 200


async def test_no_more_requests_wait_than_there_is_room_for(
    gateway_settings: dict[str, Any], run_gateway: Any
) -> None:
    path = f"/api/remediations/{SCRIPT}?wait=4"
    async with (
        run_gateway({**gateway_settings, "gateway_most_waiting": 1}) as gateway,
        gateway.client("agent") as agent,
    ):
        served, refused = sorted(
            await asyncio.gather(agent.get(path), agent.get(path)), key=lambda answer: answer.status_code
        )
        problem(served, 404, "remediation_id")
        problem(refused, 429)
        problem(await agent.get(f"/api/remediations/{SCRIPT}?wait=0.2"), 404, "remediation_id")


async def test_the_same_key_gets_the_same_answer_and_one_effect(as_role: Any, owners: Any) -> None:
    async def counted(received: Any) -> Reply:
        body = {"remediation_id": received.message.command_id, "script_id": str(len(got))}
        return Reply(status=202, body=body)

    got = await owners("analyzer", {commands.Generate: counted})
    agent = as_role("agent")
    headers = {"Idempotency-Key": "once"}
    first = await agent.post("/api/findings", json=FINDING, headers=headers)
    again = await agent.post("/api/findings", json=FINDING, headers=headers)
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert len(got) == 1
    other = await agent.post("/api/findings", json={**FINDING, "anomaly_id": "b"}, headers=headers)
    problem(other, 422, "Idempotency-Key")
    someone = await as_role("operator").post("/api/findings", json=FINDING, headers=headers)
    assert someone.json() != first.json()
    for bad in ("", "x" * 201, "a b"):
        answer = await agent.post("/api/findings", json=FINDING, headers={"Idempotency-Key": bad})
        problem(answer, 422, "Idempotency-Key")


async def test_an_owner_that_did_not_answer_gets_the_same_command_again(as_role: Any, owners: Any) -> None:
    agent = as_role("agent")
    headers = {"Idempotency-Key": "patience"}
    problem(await agent.post("/api/findings", json=FINDING, headers=headers), 503)

    async def named(received: Any) -> Reply:
        return Reply(status=202, body={"remediation_id": received.message.command_id, "script_id": "s"})

    got = await owners("analyzer", {commands.Generate: named})
    answer = await agent.post("/api/findings", json=FINDING, headers=headers)
    assert answer.status_code == 202
    assert {command.command_id for command in got} == {answer.json()["remediation_id"]}


async def test_reads_are_unavailable_without_the_store_and_health_says_so(gateway: Any, as_role: Any) -> None:
    # The store's client is closed under the gateway: what a store that went away looks like to it.
    await gateway.service.store.close()
    problem(await as_role("agent").get("/api/remediations"), 503)
    problem(await as_role("agent").get("/health"), 503)


async def test_a_finding_with_every_field_of_the_contract_is_taken(as_role: Any, owners: Any) -> None:
    body = {"remediation_id": "r", "script_id": "s"}
    await owners("analyzer", {commands.Generate: Reply(status=202, body=body)})
    whole = {**example("rca.received").model_dump(mode="json"), "detector_version": 7}
    assert (await as_role("agent").post("/api/findings", json=whole)).status_code == 202
