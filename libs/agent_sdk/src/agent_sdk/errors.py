"""What can go wrong, with what the API said about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AgentSDKError(Exception):
    """The API refused or could not be asked.

    ``status`` is the HTTP status (None where no answer came); ``title``, ``detail``, ``field``, ``remedy``
    and ``state`` are those of the API's problem document.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        title: str = "",
        field: str | None = None,
        remedy: str | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.field = field
        self.remedy = remedy
        self.state = dict(state) if state else None
        super().__init__(self._text())

    def _text(self) -> str:
        text = f"{self.field}: {self.detail}" if self.field else self.detail
        if self.remedy:
            text += f" ({self.remedy})"
        return f"{self.status} {text}" if self.status else text


class Unreachable(AgentSDKError):
    """No answer came, after every retry."""


class Unavailable(AgentSDKError):
    """The API was overloaded or could not reach what it needs, after every retry (429, 503)."""


class Unauthorized(AgentSDKError):
    """The API key is not known (401)."""


class Forbidden(AgentSDKError):
    """This key's role may not do that (403)."""


class NotFound(AgentSDKError):
    """There is no such thing (404)."""


class ConflictError(AgentSDKError):
    """What the caller saw is no longer so; ``state`` is what it is now (409)."""


class BadRequest(AgentSDKError):
    """The request was wrong; ``field`` names where (any other 4xx)."""


class BadAnswer(AgentSDKError):
    """The answer was none that the API gives: is this its address?"""


_BY_STATUS: dict[int, type[AgentSDKError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: ConflictError,
    429: Unavailable,
}


def error_of(status: int, body: object) -> AgentSDKError:
    """The exception for an answer that was not a success."""
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else BadRequest)
    problem = body if isinstance(body, Mapping) else {}
    state = problem.get("state")
    return kind(
        str(problem.get("detail") or problem.get("title") or "the API refused without a reason"),
        status=status,
        title=str(problem.get("title", "")),
        field=_text(problem.get("field")),
        remedy=_text(problem.get("remedy")),
        state=state if isinstance(state, Mapping) else None,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
