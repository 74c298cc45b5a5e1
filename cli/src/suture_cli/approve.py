"""``suture approve``: a supervisor lets one revision of a script run."""

from __future__ import annotations

import click

from suture_cli.client import open_client
from suture_cli.decision import announce, decide, read_script
from suture_cli.options import json_option, role_option


@click.command()
@click.argument("identifier", metavar="ID")
@click.option("--reason", default="", help="Why; kept with the approval.")
@click.option(
    "--digest", help="Only if the script still has this digest (its first characters): what you reviewed."
)
@role_option("supervisor")
@json_option
def approve(identifier: str, reason: str, digest: str | None, role: str | None, as_json: bool) -> None:
    """Approve the script of remediation ID (or the script ID), as it is now: revision and digest are named.

    'suture show ID' shows it first. A script that changed meanwhile is not approved, but reported.
    """
    with open_client(role, "supervisor") as client:
        script = read_script(client, identifier, digest)
        announce(script, decide(client, script, "approve", reason), "approved", as_json)
