"""``suture list``: the remediations, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from suture_cli.client import open_client
from suture_cli.options import json_option, role_option
from suture_cli.terminal import clock, print_json, print_table


@click.command(name="list")
@click.option("--state", help="Only those in this state, such as awaiting_approval.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@role_option("operator")
@json_option
def list_remediations(state: str | None, limit: int, role: str | None, as_json: bool) -> None:
    """List the remediations, newest first."""
    with open_client(role, "operator") as client:
        answer = client.get("/api/remediations", state=state, limit=limit)
    if as_json:
        print_json(answer)
        return
    entries = answer.get("remediations", ())
    if not entries:
        click.echo("no remediations" + (f" in state {state}" if state else ""), err=True)
        return
    columns = ("ID", "STATE", "SINCE", "FINDING", "CATEGORY", "COUNT", "TARGETS")
    print_table(columns, map(_row, entries), whole=columns[:3], state="STATE")
    if answer.get("next_cursor"):
        click.echo(f"the newest {len(entries)}; more with --limit", err=True)


def _row(entry: Mapping[str, Any]) -> tuple[object, ...]:
    states = entry.get("states") or [{}]
    since = clock(states[-1].get("at", "-"))
    targets = ", ".join(map(str, entry.get("targets") or ())) or None
    about = entry.get("reference"), entry.get("category"), entry.get("count"), targets
    return entry.get("remediation_id"), entry.get("state"), since, *about
