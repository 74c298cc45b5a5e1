"""Following one remediation through its states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from suture_cli.client import Client
from suture_cli.failures import WAITING, interrupted_quietly
from suture_cli.states import FOR_SOMEONE, exit_code, is_end
from suture_cli.terminal import STYLES, clock, plain


def follow(
    client: Client,
    remediation_id: str,
    *,
    seconds: float | None,
    quiet: bool = False,
    stop_for_someone: bool = True,
    ends: Callable[[str], bool] = is_end,
) -> tuple[dict[str, Any], int]:
    """Prints each state as it comes, until an end, until someone must act, or until ``seconds`` are over.

    Returns the remediation as it was last seen and the exit code for its state.
    """
    shown = 0
    document: dict[str, Any] = {"remediation_id": remediation_id, "state": "received", "states": []}
    with interrupted_quietly():
        for document in client.changes(remediation_id, seconds):
            states = document.get("states") or []
            for entry in states[shown:]:
                if not quiet:
                    print_state(entry)
            shown = len(states)
            state = str(document.get("state"))
            if ends(state):
                _explain(document, quiet)
                return document, exit_code(state)
            if stop_for_someone and state in FOR_SOMEONE:
                _explain(document, quiet)
                return document, WAITING
    if not quiet:
        click.echo(f"still {plain(document.get('state'))}; 'suture watch {remediation_id}' goes on", err=True)
    return document, WAITING


def follow_live(
    client: Client, remediation_id: str, each: Callable[[str, Mapping[str, Any]], None] | None
) -> int:
    """Prints states, steps and output as they come, until the end; returns the exit code for it.

    ``each`` gets every event's name and data instead of its being printed.
    """
    state = "received"
    with interrupted_quietly():
        for name, data in client.events(remediation_id):
            if name == "state":
                state = str(data.get("state"))
            if each is not None:
                each(name, data)
            elif name == "state":
                print_state(data)
            elif name == "step":
                click.echo(f"          {plain(data.get('step'))} on {plain(data.get('target'))}")
            elif name == "output":
                click.echo(f"          | {plain(data.get('line'))}")
            elif name == "end":
                _explain({**data, "remediation_id": remediation_id}, quiet=False)
    return exit_code(state)


def print_state(entry: Mapping[str, Any], *, prefix: str = "") -> None:
    state = plain(entry.get("state"))
    click.echo(f"{clock(entry.get('at'))}  {prefix}{click.style(state, fg=STYLES.get(state))}")


def reasons(document: Mapping[str, Any]) -> list[str]:
    """Why the remediation is where it is, a line each; empty where all is well."""
    return [line for line in str(document.get("error") or "").split("; ") if line]


def _explain(document: Mapping[str, Any], quiet: bool) -> None:
    if quiet:
        return
    for line in reasons(document):
        click.echo(f"          {plain(line)}")
    hint = FOR_SOMEONE.get(str(document.get("state")))
    if hint:
        click.echo(hint.format(id=document.get("remediation_id")), err=True)
