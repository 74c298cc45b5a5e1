"""How much is sent, and how many at once: the same for both sides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """``warm_up`` is sent before the clock starts, then ``messages``; ``in_flight`` at once."""

    messages: int = 2_000
    warm_up: int = 200
    in_flight: int = 50
