"""What ``approve`` and ``deny`` have in common: read the script as it is, name exactly that, show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from suture_cli.client import SCRIPTS, Client
from suture_cli.failures import BadInput, CommandFailed
from suture_cli.terminal import part, plain, print_json

_SHORTEST_DIGEST = 8


def read_script(client: Client, identifier: str, digest: str | None) -> dict[str, Any]:
    """The script of that remediation (or with that id), as the decision will name it.

    ``digest`` is what the caller reviewed, at least its first eight characters: another one is refused.
    """
    script_id = client.remediation(identifier).get("script_id")
    if not script_id:
        raise CommandFailed(
            "this remediation has no script yet", remedy=f"follow it with 'suture watch {identifier}'"
        )
    script = client.get(f"{SCRIPTS}/{script_id}")
    if digest is not None:
        if len(digest) < _SHORTEST_DIGEST:
            raise BadInput("is too short", field="--digest", remedy="give its first eight or more characters")
        if not str(script.get("digest")).startswith(digest.lower()):
            raise CommandFailed(
                f"the script is now revision {script.get('revision')} with digest {script.get('digest')}",
                field="--digest",
                remedy=f"review it with 'suture show {identifier}'",
            )
    return script


def decide(client: Client, script: Mapping[str, Any], verb: str, reason: str) -> dict[str, Any]:
    """Sends ``approve`` or ``deny`` for exactly this revision and digest; returns the owner's answer."""
    body = {
        "revision": script.get("revision"),
        "digest": script.get("digest"),
        "approvalId": part(script, "approval", "approvalId"),
        "reason": reason,
    }
    filled = {name: value for name, value in body.items() if value is not None}
    return client.post(f"{SCRIPTS}/{script['id']}/{verb}", filled)


def announce(script: Mapping[str, Any], answer: Mapping[str, Any], verb: str, as_json: bool) -> None:
    """Says what was decided on: revision, digest, type, targets, confidence; and what follows."""
    if as_json:
        print_json({**answer, "revision": script.get("revision"), "digest": script.get("digest")})
        return
    targets = ", ".join(_names(script.get("targets"))) or "no target"
    click.echo(f"{verb} revision {script.get('revision')} of script {script.get('id')}")
    click.echo(f"  digest      {script.get('digest')}")
    click.echo(plain(f"  runs        {script.get('scriptType')} on {targets}"))
    total, level = part(script, "confidence", "total"), part(script, "confidence", "level")
    if total is not None:
        click.echo(f"  confidence  {level} ({total:.0f})")
    given, required = answer.get("approvals"), answer.get("approversRequired")
    counted = (
        f", {_count(given)} of {required} approvals" if required is not None and verb == "approved" else ""
    )
    click.echo(plain(f"  now         {answer.get('status') or answer.get('state')}{counted}"))


def _count(approvals: object) -> object:
    return len(approvals) if isinstance(approvals, (list, tuple)) else approvals


def _names(targets: object) -> list[str]:
    entries = targets if isinstance(targets, (list, tuple)) else ()
    return [str(entry.get("id")) if isinstance(entry, Mapping) else str(entry) for entry in entries]
