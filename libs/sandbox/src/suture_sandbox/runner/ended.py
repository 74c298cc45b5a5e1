"""How a script ended, wherever it ran."""

from __future__ import annotations


class Ended:
    """How a script ended: its exit code, or why it was killed."""

    def __init__(self, exit_code: int | None, reason: str, seconds: float) -> None:
        self.exit_code = exit_code
        self.reason = reason
        self.seconds = seconds

    @property
    def passed(self) -> bool:
        return self.exit_code == 0 and not self.reason

    @property
    def why(self) -> str:
        """In words."""
        return self.reason or f"exit code {self.exit_code}"
