"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from suture_cli.connection import ROLES

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_WAIT_SECONDS = 120.0


def role_option(default: str) -> Callable[[F], F]:
    """``--as ROLE``: which of the run file's keys is used."""
    return click.option(
        "--as",
        "role",
        type=click.Choice(ROLES),
        help=f"Whose key of the run file to use. [default: {default}]",
    )


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON alone on stdout.")

wait_option = click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(0, 86_400),
    metavar="[SECONDS]",
    help=f"Wait for the end; without a number {DEFAULT_WAIT_SECONDS:.0f} seconds.",
)


class WaitCommand(click.Command):
    """A command whose ``--wait`` may stand without a number, wherever it stands: ``--wait FILE`` too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _with_number(args))


def _with_number(args: list[str]) -> list[str]:
    written: list[str] = []
    for number, argument in enumerate(args):
        following = args[number + 1] if number + 1 < len(args) else ""
        bare = argument == "--wait" and not _is_number(following)
        written.append(f"--wait={DEFAULT_WAIT_SECONDS:.0f}" if bare else argument)
    return written


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
