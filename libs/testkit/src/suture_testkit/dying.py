"""For programs under test that kill themselves: SIGKILL before or after the n-th of some calls."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Any


def die_around(
    calls: Mapping[type, tuple[str, ...]], fatal: int, armed: Callable[[], bool] = lambda: True
) -> None:
    """Make each of the classes' async methods a point before and one after it; the ``fatal`` one kills.

    Points count while ``armed`` says so. The process lives on where there are fewer.
    """
    count = 0

    def point() -> None:
        nonlocal count
        if armed():
            count += 1
            if count == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    def dying(call: Any) -> Any:
        async def made(*arguments: Any, **options: Any) -> Any:
            point()
            answer = await call(*arguments, **options)
            point()
            return answer

        return made

    for kind, names in calls.items():
        for name in names:
            setattr(kind, name, dying(getattr(kind, name)))
