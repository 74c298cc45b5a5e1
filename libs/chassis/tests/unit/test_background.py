"""Loops beside the handlers end when the service stops."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from suture_chassis.background import Background
from suture_chassis.logs import logger


async def test_a_loop_that_loses_one_cancellation_still_ends() -> None:
    turns = 0

    async def deaf_once() -> None:
        nonlocal turns
        while True:
            turns += 1
            if turns == 1:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)
            else:
                await asyncio.sleep(60)

    background = Background(logger("test", "error", "json"))
    background.add("deaf", deaf_once)
    background.start()
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await background.stop()
    assert turns == 2


@pytest.mark.parametrize("failures", [1, 2])
async def test_a_loop_that_fails_is_started_again(failures: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suture_chassis.background._FIRST_PAUSE", 0.01)
    done = asyncio.Event()
    starts = 0

    async def failing() -> None:
        nonlocal starts
        starts += 1
        if starts <= failures:
            raise RuntimeError("no")
        done.set()

    background = Background(logger("test", "error", "json"))
    background.add("failing", failing)
    background.start()
    async with asyncio.timeout(5):
        await done.wait()
    await background.stop()
    assert starts == failures + 1
