"""``suture stop`` and ``suture resume``: the stop switch, for everything or for one target."""

from __future__ import annotations

from typing import Any

import click

from suture_cli.client import open_client
from suture_cli.options import json_option, role_option
from suture_cli.terminal import plain, print_json


@click.command()
@click.option("--target", "target_id", help="Only this target; without it, everything.")
@click.option("--abort", is_flag=True, help="End what runs too, and take it back.")
@click.option("--reason", default="", help="Why; kept with the stop.")
@role_option("operator")
@json_option
def stop(target_id: str | None, abort: bool, reason: str, role: str | None, as_json: bool) -> None:
    """Let nothing start any more; rollbacks stay possible. 'suture resume' ends it."""
    body = {"target_id": target_id, "mode": "abort" if abort else "pause", "reason": reason}
    with open_client(role, "operator") as client:
        answer = client.post("/api/stop", _given(body))
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{plain(target_id or 'everything')} stopped ({body['mode']}); 'suture resume' ends it")


@click.command()
@click.option("--target", "target_id", help="Only this target.")
@role_option("operator")
@json_option
def resume(target_id: str | None, role: str | None, as_json: bool) -> None:
    """Let starts happen again."""
    with open_client(role, "operator") as client:
        answer = client.post("/api/resume", _given({"target_id": target_id}))
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{plain(target_id or 'everything')} resumed")


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value not in (None, "")}
