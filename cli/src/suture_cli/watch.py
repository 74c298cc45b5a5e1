"""``suture watch``: states as they come, of one remediation or of all."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from suture_cli.client import Client, open_client
from suture_cli.failures import interrupted_quietly
from suture_cli.follow import follow_live, print_state
from suture_cli.options import json_option, role_option
from suture_cli.terminal import print_json

_POLL_ALL_SECONDS = 1.0
_MOST = 200


@click.command()
@click.argument("identifier", metavar="[ID]", required=False)
@role_option("operator")
@json_option
@click.pass_context
def watch(ctx: click.Context, identifier: str | None, role: str | None, as_json: bool) -> None:
    """Show states, steps and output of remediation ID as they come, until its end.

    Without ID the states of all, until Ctrl-C. With --json each is one JSON object a line.
    """
    with open_client(role, "operator") as client:
        if identifier is None:
            watch_all(client, as_json)
        else:
            remediation_id = str(client.remediation(identifier)["remediation_id"])
            ctx.exit(follow_live(client, remediation_id, _json_printer(remediation_id) if as_json else None))


def watch_all(client: Client, as_json: bool, rounds: int | None = None) -> None:
    """Prints every state that comes from now on; ``rounds`` bounds how often it looks."""
    seen = {entry["remediation_id"]: _count(entry) for entry in _latest(client)}
    if not as_json:
        click.echo(f"watching; {len(seen)} known so far (Ctrl-C ends it)", err=True)
    with interrupted_quietly():
        while rounds is None or rounds > 0:
            time.sleep(_POLL_ALL_SECONDS)
            for entry in reversed(_latest(client)):
                _print_new(entry, seen.get(entry["remediation_id"], 0), as_json)
                seen[entry["remediation_id"]] = _count(entry)
            rounds = None if rounds is None else rounds - 1


def _latest(client: Client) -> list[dict[str, Any]]:
    return list(client.get("/api/remediations", limit=_MOST).get("remediations", ()))


def _count(entry: Mapping[str, Any]) -> int:
    return len(entry.get("states") or ())


def _print_new(entry: Mapping[str, Any], known: int, as_json: bool) -> None:
    for state in (entry.get("states") or ())[known:]:
        if as_json:
            print_json({"remediation_id": entry["remediation_id"], **state})
        else:
            print_state(state, prefix=f"{entry['remediation_id']}  ")


def _json_printer(remediation_id: str) -> Any:
    def each(name: str, data: Mapping[str, Any]) -> None:
        if name != "end":
            print_json({"remediation_id": remediation_id, **data})

    return each
