"""The error policy in three classes: refuse for good, try again later, or show the caller what changed."""

from __future__ import annotations

from typing import Any


class PermanentError(Exception):
    """Trying again cannot help: a message goes to the dead-letter queue, a command's caller gets a problem.

    ``field`` names what is wrong, ``remedy`` what to do about it, ``status`` is an HTTP status code.
    """

    def __init__(
        self, reason: str, *, field: str | None = None, remedy: str | None = None, status: int = 422
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.remedy = remedy
        self.status = status


class TemporaryError(Exception):
    """Trying again may help: a message is retried through the delay queues, then dead-lettered."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Conflict(PermanentError):
    """The caller's view is stale; ``current`` is the document as it is."""

    def __init__(
        self,
        reason: str,
        *,
        current: dict[str, Any] | None = None,
        field: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(reason, field=field, remedy=remedy, status=409)
        self.current = current or {}
