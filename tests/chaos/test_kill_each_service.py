"""kill -9 of each service while work is in flight: nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from suture_contracts import ids
from suture_contracts.events import ExecutionStarted

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(600)]

TARGETS = 50
REMEDIATIONS = 200


async def test_two_hundred_remediations_survive_the_death_of_every_service(
    system: Any, bus: Any, tmp_path: Path, make_program: Any
) -> None:
    programs = [make_program(tmp_path, f"chaos-{number}-{uuid4().hex[:6]}") for number in range(TARGETS)]
    for program in programs:
        answer = await asyncio.to_thread(system.call, "operator", "POST", "/api/targets", program.target())
        assert answer.status_code == 201, answer.text
    marks = [str(uuid4()) for _ in range(REMEDIATIONS)]
    victims = list(system.stack.services.values())
    for number, mark in enumerate(marks):
        program = programs[number % TARGETS]
        finding = program.finding(
            anomaly_id=mark, root_cause_details=f"Missing configuration file, case {mark}"
        )
        await bus.send("rca.received", json.dumps(finding).encode(), id=mark, source="chaos")
        if number % 30 == 29 and victims:
            victim = victims.pop()
            victim.kill()
            await asyncio.sleep(1.0)
    for victim in victims:
        victim.kill()
        await asyncio.sleep(1.0)
    states = await asyncio.to_thread(_settled, system, marks)
    print(f"\n{Counter(states.values())}")
    assert len(states) == REMEDIATIONS
    assert set(states.values()) <= {"succeeded", "already_remediated"}
    for program in programs:
        assert program.config.read_bytes() == program.known_good.read_bytes()
    runs = Counter(seen.json["execution_id"] for seen in _distinct(bus.seen(ExecutionStarted)))
    print(f"bodies that ran: {len(_claims(system))}; most starts of one execution: {max(runs.values())}")
    assert len(_claims(system)) == TARGETS
    assert max(runs.values()) == 1
    assert await bus.dead_letters() == []
    assert all(service.restarts >= 1 for service in system.stack.services.values())


def _distinct(seen: list[Any]) -> list[Any]:
    """A redelivery repeats an event's id: what has the same id is one event."""
    return list({one.id: one for one in seen}.values())


def _settled(system: Any, marks: list[str]) -> dict[str, str]:
    """The state of each finding's remediation, once none moves any more."""
    waiting = {str(ids.remediation_id("chaos", mark)) for mark in marks}
    states: dict[str, str] = {}
    deadline = time.monotonic() + 300
    while waiting - states.keys():
        assert time.monotonic() < deadline, _left(system, waiting - states.keys())
        for id in list(waiting - states.keys())[:50]:
            try:
                state = system.remediation(id)["state"]
            except Exception:
                time.sleep(0.5)
                continue
            if state in system.terminal:
                states[id] = state
        time.sleep(0.2)
    return states


def _claims(system: Any) -> list[str]:
    """The claim of every run that began, by execution and target."""
    begun = (system.stack.folder / "executor" / "claims").glob("*/*/body-started")
    return [f"{path.parts[-3]} {path.parts[-2]}" for path in begun]


def _left(system: Any, ids_left: set[str]) -> str:
    return f"{len(ids_left)} unfinished: {Counter(system.remediation(id)['state'] for id in ids_left)}"
