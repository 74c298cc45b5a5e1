"""Times for outbox entries: unique in this process, and never running back."""

from __future__ import annotations

import time


class Clock:
    """Microseconds since 1970; goes on above the stored watermark even where the wall clock went back."""

    def __init__(self) -> None:
        self._last = 0

    def tick(self) -> int:
        """The next time, higher than every earlier one."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last

    def not_before(self, moment: int) -> None:
        self._last = max(self._last, moment)
