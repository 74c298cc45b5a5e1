"""What a stranger with access to the broker publishes is refused, and nothing runs."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from suture_contracts.examples import example

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@pytest.mark.parametrize("signed_by", [None, "generator", "supervisor"])
async def test_a_forged_approval_is_a_dead_letter(system: Any, bus: Any, signed_by: str | None) -> None:
    forged = example("script.approved").model_copy(update={"remediation_id": uuid4()})
    id = await bus.publish(forged, as_=signed_by)
    dead = await _dead_letter(system, id)
    assert dead["error"] == "Forged"
    assert dead["remedy"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{broken", "body"),
        (b'{"anomaly_id": "a\\u0000b"}', "anomaly_id"),
        (
            json.dumps(
                {**example("rca.received").model_dump(mode="json"), "root_cause_category": "Luck"}
            ).encode(),
            "root_cause_category",
        ),
    ],
)
async def test_a_bad_finding_is_a_dead_letter_with_its_field(
    system: Any, bus: Any, body: bytes, field: str
) -> None:
    id = str(uuid4())
    await bus.send("rca.received", body, id=id, source="detector")
    dead = await _dead_letter(system, id)
    assert field in str(dead["field"])


async def _dead_letter(system: Any, mark: str) -> dict[str, Any]:
    for _ in range(100):
        answer = await asyncio.to_thread(system.call, "operator", "GET", "/api/dead-letters?limit=100")
        for entry in answer.json()["dead_letters"]:
            if mark in json.dumps(entry):
                return dict(entry)
        await asyncio.sleep(0.1)
    raise AssertionError(f"no dead letter with {mark}: {answer.text[:2000]}")
