"""``suture submit``: a finding or a vulnerability goes in, a remediation comes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import click

from suture_cli.client import Client, open_client
from suture_cli.failures import DONE, OTHER_END, BadInput
from suture_cli.files import read_json
from suture_cli.follow import follow
from suture_cli.options import WaitCommand, json_option, role_option, wait_option
from suture_cli.reports import is_report, opened, submit_report
from suture_cli.terminal import print_json

PATHS = {"finding": "/api/findings", "vulnerability": "/api/vulnerabilities"}


@click.command(cls=WaitCommand)
@click.argument("file")
@wait_option
@click.option("--key", help="Idempotency key: submitting again with the same one changes nothing.")
@click.option("--host", help="Whom a report is of, where it does not say; known as the target's name.")
@role_option("operator")
@json_option
@click.pass_context
def submit(
    ctx: click.Context,
    file: str,
    host: str | None,
    wait_seconds: float | None,
    key: str | None,
    role: str | None,
    as_json: bool,
) -> None:
    """Submit FILE (JSON, - for stdin): a root-cause finding, a vulnerability, or an example that holds one.

    FILE may also be a report: OSV records, Trivy's or Grype's JSON; each package of it becomes a remediation.

    With --wait the exit code tells the end: 0 succeeded, already_remediated or no_action; 1 another end; 4 it
    still waits. One that needs someone (awaiting_approval, awaiting_target) is not waited for any longer.
    """
    with opened(file) as source:
        if is_report(source):
            with open_client(role, "operator") as client:
                ctx.exit(OTHER_END if submit_report(client, source, file, host, as_json=as_json) else DONE)
        kind, document = read_submission(file, source)
    with open_client(role, "operator") as client:
        accepted = client.post(PATHS[kind], document, key=key)
        remediation_id = str(accepted.get("remediation_id") or accepted.get("remediationId"))
        if wait_seconds is None:
            announce(accepted, remediation_id, as_json)
        else:
            ctx.exit(_wait(client, remediation_id, wait_seconds, as_json))


def read_submission(file: str, source: IO[bytes] | None = None) -> tuple[str, dict[str, Any]]:
    """What the file holds (``finding`` or ``vulnerability``) and its fields, checked; raises BadInput."""
    content = read_json(file, source)
    if not isinstance(content, dict):
        raise BadInput(
            f"{file} holds {type(content).__name__}, not an object", remedy="give one finding in {…}"
        )
    for kind in PATHS:
        if isinstance(content.get(kind), Mapping):
            return kind, _checked(kind, dict(content[kind]))
    if "vulnerability_id" in content:
        return "vulnerability", _checked("vulnerability", content)
    if "anomaly_id" in content or "root_cause_category" in content:
        return "finding", _checked("finding", content)
    raise BadInput(
        f"{file} is neither a finding nor a vulnerability",
        remedy="give it an anomaly_id or a vulnerability_id",
    )


def _checked(kind: str, document: dict[str, Any]) -> dict[str, Any]:
    from pydantic import ValidationError
    from suture_contracts.findings import RcaReceived, VulnerabilityReported

    try:
        (RcaReceived if kind == "finding" else VulnerabilityReported).model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"])
        reason = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "missing":
            raise BadInput("missing", field=field, remedy="add it") from None
        raise BadInput(reason, field=field, remedy=f"correct it in the {kind}") from None
    return document


def announce(accepted: dict[str, Any], remediation_id: str, as_json: bool) -> None:
    if as_json:
        print_json(accepted)
        return
    click.echo(remediation_id)
    click.echo(f"submitted; 'suture watch {remediation_id}' follows it", err=True)


def _wait(client: Client, remediation_id: str, seconds: float, as_json: bool) -> int:
    if not as_json:
        click.echo(remediation_id)
    document, code = follow(client, remediation_id, seconds=seconds, quiet=as_json)
    if as_json:
        print_json(document)
    return code
