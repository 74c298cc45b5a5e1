"""Lets requests sleep until a remediation changes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Watchers:
    """Lets a request sleep until its remediation changes."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def watching(self, remediation_id: str) -> Iterator[asyncio.Event]:
        """Yields an event that is set whenever this remediation was folded."""
        event = asyncio.Event()
        self._waiting.setdefault(remediation_id, set()).add(event)
        try:
            yield event
        finally:
            others = self._waiting[remediation_id]
            others.discard(event)
            if not others:
                del self._waiting[remediation_id]

    def watched(self, remediation_id: str) -> bool:
        """Whether somebody waits for this remediation."""
        return remediation_id in self._waiting

    def wake(self, remediation_ids: Iterable[str]) -> None:
        for remediation_id in remediation_ids:
            for event in self._waiting.get(remediation_id, ()):
                event.set()
