"""``suture rollback``: takes a fix back that succeeded."""

from __future__ import annotations

import click

from suture_cli.client import Client, open_client
from suture_cli.failures import DONE, OTHER_END, WAITING
from suture_cli.follow import follow
from suture_cli.options import WaitCommand, json_option, role_option, wait_option
from suture_cli.terminal import print_json

_ENDS = ("rolled_back", "rollback_failed", "unknown")


@click.command(cls=WaitCommand)
@click.argument("identifier", metavar="ID")
@click.option("--reason", default="", help="Why; kept with the order.")
@wait_option
@role_option("operator")
@json_option
@click.pass_context
def rollback(
    ctx: click.Context,
    identifier: str,
    reason: str,
    wait_seconds: float | None,
    role: str | None,
    as_json: bool,
) -> None:
    """Take back what remediation ID changed, if nothing has changed it since.

    With --wait the exit code is 0 once it is rolled back, 1 if that failed, 4 if it still runs.
    """
    with open_client(role, "operator") as client:
        remediation_id = str(client.remediation(identifier)["remediation_id"])
        answer = client.post(f"/api/remediations/{remediation_id}/rollback", {"reason": reason})
        if wait_seconds is not None:
            ctx.exit(_wait(client, remediation_id, wait_seconds, as_json))
        if as_json:
            print_json(answer)
        else:
            click.echo(f"rollback of {remediation_id} ordered; 'suture watch {remediation_id}' follows it")


def _wait(client: Client, remediation_id: str, seconds: float, as_json: bool) -> int:
    document, _ = follow(
        client,
        remediation_id,
        seconds=seconds,
        quiet=as_json,
        stop_for_someone=False,
        ends=_ENDS.__contains__,
    )
    if as_json:
        print_json(document)
    state = document.get("state")
    if state == "rolled_back":
        return DONE
    return OTHER_END if state in _ENDS else WAITING
