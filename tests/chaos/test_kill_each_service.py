"""kill -9 of each service while work is in flight: nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(600)]

REMEDIATIONS = 200


async def test_two_hundred_remediations_survive_the_death_of_every_service(
    system: Any, make_load: Any
) -> None:
    load = make_load(system, REMEDIATIONS)
    await load.prepare()
    victims = list(system.stack.services.values())
    for number in range(REMEDIATIONS):
        await load.send(number)
        if number % 30 == 29 and victims:
            victims.pop().kill()
            await asyncio.sleep(1.0)
    for victim in victims:
        victim.kill()
        await asyncio.sleep(1.0)
    await load.check()
    assert all(service.restarts >= 1 for service in system.stack.services.values())
