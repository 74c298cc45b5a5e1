"""How a command fails: one line on stderr with field and remedy, and an exit code that says the kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import click

from suture_cli.terminal import plain

DONE, OTHER_END, BAD_INPUT, UNREACHABLE, WAITING = 0, 1, 2, 3, 4


class CommandFailed(click.ClickException):
    """The command did not do what was asked; ``exit_code`` 1."""

    exit_code = OTHER_END

    def __init__(self, message: str, *, field: str | None = None, remedy: str | None = None) -> None:
        where = f"{field}: " if field else ""
        what = message.rstrip(". ")
        super().__init__(f"{where}{what}; {remedy}" if remedy else f"{where}{what}")

    def show(self, file: IO[Any] | None = None) -> None:
        """One line, whatever the message held."""
        click.echo(f"suture: {plain(self.message)}", err=True)


class BadInput(CommandFailed):
    """What was given cannot be used: a file, an id, a key."""

    exit_code = BAD_INPUT


class Unreachable(CommandFailed):
    """No answer from the system."""

    exit_code = UNREACHABLE


@contextmanager
def interrupted_quietly() -> Iterator[None]:
    """Ctrl-C while watching is the way to stop, not a failure."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def refused(status: int, problem: Mapping[str, Any]) -> CommandFailed:
    """The failure for an answer of ``status`` 400 or more with a problem document (maybe an empty one)."""
    title = str(problem.get("title") or f"HTTP {status}")
    detail = str(problem.get("detail") or "")
    message = f"{title}: {detail}" if detail and detail != title else title
    kind = _kind(status)
    remedy = problem.get("remedy") or _REMEDIES.get(status)
    state = problem.get("state")
    if isinstance(state, Mapping) and state:
        message += (
            " (now: " + ", ".join(f"{key}={value}" for key, value in state.items() if _short(value)) + ")"
        )
    field = problem.get("field")
    return kind(message, field=str(field) if field else None, remedy=str(remedy) if remedy else None)


_REMEDIES = {
    401: "check SUTURE_API_KEY, or use the keys of a running 'suture up'",
    403: "choose another role with --as",
    404: "'suture list' shows the remediations that there are",
    429: "try again in a moment",
    503: "try again in a moment; 'suture up' starts the system",
}


def _kind(status: int) -> type[CommandFailed]:
    if status in (429, 502, 503, 504):
        return Unreachable
    if status in (409, 500):
        return CommandFailed
    return BadInput


def _short(value: object) -> bool:
    return isinstance(value, (str, int, float)) and len(str(value)) <= 80
