"""Waiting for what has no event to await."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable


async def eventually(holds: Callable[[], Awaitable[object] | object], within: float = 10) -> None:
    """Returns when ``holds`` (a function, or one that returns an awaitable) is true; else AssertionError."""
    try:
        async with asyncio.timeout(within):
            while not await _value(holds()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"did not become true within {within} s") from None


async def _value(result: Awaitable[object] | object) -> object:
    return await result if isawaitable(result) else result
