"""``suture run``: a script of one's own, validated, approved and run as a generated one is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import click

from suture_cli.client import Client, open_client
from suture_cli.failures import DONE, OTHER_END, WAITING, BadInput
from suture_cli.files import read_text
from suture_cli.follow import follow
from suture_cli.options import WaitCommand, json_option, role_option, wait_option
from suture_cli.submit import announce
from suture_cli.terminal import part, plain, print_json

_TYPES = ("bash", "python", "kubernetes", "sql", "config")


@click.command(cls=WaitCommand)
@click.argument("file")
@click.option(
    "--target", "targets", multiple=True, required=True, help="The registered target; may be repeated."
)
@click.option("--verify", metavar="FILE", help="Fails before the script, passes after it; Python for Python.")
@click.option("--rollback", metavar="FILE", help="Takes back what restoring the written files does not.")
@click.option("--writes", multiple=True, metavar="PATH", help="What it changes; may be repeated.")
@click.option("--egress", multiple=True, metavar="HOST:PORT", help="What it connects to; may be repeated.")
@click.option("--timeout", type=click.IntRange(1, 3_600), metavar="SECONDS", help="How long it may run.")
@click.option("--type", "script_type", type=click.Choice(_TYPES), help="[default: as name and text say]")
@click.option(
    "--rehearse", is_flag=True, help="Validate and rehearse it, show what would change; run nothing."
)
@wait_option
@click.option("--key", help="Idempotency key: submitting again with the same one changes nothing.")
@role_option("operator")
@json_option
@click.pass_context
def run(ctx: click.Context, /, **given: Any) -> None:
    """Run FILE (- for stdin) on a target: validated first, then approved by somebody else, then run.

    Nobody approves their own script. With --rehearse the exit code is 0 where the rehearsal passed, or found
    nothing left to do; 1 where it failed. Otherwise exit codes are those of 'suture submit'.
    """
    body = _script(given)
    rehearse, as_json, wait = given["rehearse"], given["as_json"], given["wait_seconds"]
    with open_client(given["role"], "operator") as client:
        accepted = client.post("/api/scripts", body, key=given["key"])
        remediation_id = str(accepted["remediation_id"])
        if wait is None and not rehearse:
            announce(accepted, remediation_id, as_json)
            return
        ctx.exit(_follow(client, remediation_id, wait, rehearse=rehearse, as_json=as_json))


def _script(given: Mapping[str, Any]) -> dict[str, Any]:
    """The request's body, checked here so that a mistake is named without any system running."""
    from pydantic import ValidationError
    from suture_contracts.script import SubmittedScript

    name, text = given["file"], read_text(given["file"])
    fields = {
        "script_type": given["script_type"] or _type_of(name, text),
        "body": text,
        "targets": given["targets"],
        "writes": given["writes"],
        "egress": given["egress"],
        "title": PurePath(name).name if name != "-" else "from stdin",
    }
    fields |= {aid: read_text(given[aid]) for aid in ("verify", "rollback") if given[aid]}
    if given["timeout"]:
        fields["limits"] = {"timeout_seconds": given["timeout"]}
    try:
        script = SubmittedScript.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"]) or "script"
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise BadInput(reason, field=field, remedy="correct it and run it again") from None
    start = "rehearsal" if given["rehearse"] else "automatic"
    return {**script.model_dump(mode="json", exclude_defaults=True), "start": start}


def _type_of(name: str, text: str) -> str:
    from suture_safety.detection import detect

    found = detect(name, text)
    if found not in _TYPES:
        what = f"{found}, which no target takes" if found else "of no known type"
        raise BadInput(f"{name} is {what}", field="--type", remedy=f"name one of {', '.join(_TYPES)}")
    return found


def _follow(
    client: Client, remediation_id: str, seconds: float | None, *, rehearse: bool, as_json: bool
) -> int:
    if not as_json:
        click.echo(remediation_id)
    document, code = follow(client, remediation_id, seconds=seconds, quiet=as_json)
    if as_json:
        print_json(document)
    if not rehearse or code == WAITING:
        return code
    outcome = part(document, "rehearsal", "outcome")
    if not as_json:
        _show(document)
    return DONE if outcome in ("passed", "already_remediated") else OTHER_END


def _show(document: Mapping[str, Any]) -> None:
    """What the rehearsal found, where there was one."""
    for name in ("outcome", "detail", "diff"):
        text = part(document, "rehearsal", name)
        if text:
            click.echo(plain(text, lines=True).rstrip("\n"))
    for name in ("rights", "missing"):
        for right in part(document, "rehearsal", name) or ():
            click.echo(f"{'needs' if name == 'rights' else 'lacks'} {plain(right)}")
