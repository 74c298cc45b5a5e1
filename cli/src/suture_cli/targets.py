"""``suture targets``: what Suture may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import click

from suture_cli.client import open_client
from suture_cli.failures import BadInput
from suture_cli.files import read_json
from suture_cli.options import json_option, role_option
from suture_cli.terminal import plain, print_json, print_table


@click.group()
def targets() -> None:
    """Register, list, check and remove targets: the only things that Suture changes."""


@targets.command()
@click.argument("file")
@role_option("operator")
@json_option
def add(file: str, role: str | None, as_json: bool) -> None:
    """Register the target in FILE (JSON, - for stdin), or a list of them; a known id gets its new facts."""
    entries = read_targets(file)
    with open_client(role, "operator") as client:
        for entry in entries:
            answer = client.post("/api/targets", entry)
            if as_json:
                print_json(answer)
            else:
                click.echo(f"{entry['id']} registered, revision {answer.get('revision')}")


@targets.command(name="list")
@role_option("operator")
@json_option
def list_targets(role: str | None, as_json: bool) -> None:
    """List the registered targets."""
    with open_client(role, "operator") as client:
        answer = client.get("/api/targets")
    if as_json:
        print_json(answer)
    elif not answer.get("targets"):
        click.echo("no targets; 'suture targets add FILE' registers one", err=True)
    else:
        print_table(
            ("ID", "KIND", "OWNER", "TYPES", "REVISION"), (_row(entry) for entry in answer["targets"])
        )


@targets.command()
@click.argument("identifier", metavar="ID")
@role_option("operator")
@json_option
def show(identifier: str, role: str | None, as_json: bool) -> None:
    """Show target ID as it is registered: how it is reached, what it takes, its facts."""
    with open_client(role, "operator") as client:
        answer = client.get(f"/api/targets/{quote(identifier, safe='')}")
    if as_json:
        print_json(answer)
        return
    target = answer["target"]
    for name in ("id", "kind", "owner", "secret_ref"):
        click.echo(f"{name:<14} {plain(str(target.get(name) or '-'))}")
    click.echo(f"{'takes':<14} {', '.join(target.get('allowed_types') or ())}")
    for part in ("reach", "facts"):
        for name, value in sorted((target.get(part) or {}).items()):
            click.echo(f"{part:<14} {plain(name)} = {plain(str(value))}")
    click.echo(f"{'revision':<14} {answer.get('revision')}")


@targets.command()
@click.argument("identifier", metavar="ID")
@role_option("operator")
@json_option
def check(identifier: str, role: str | None, as_json: bool) -> None:
    """Say whether target ID can be reached, with which rights, and what is missing; changes nothing."""
    with open_client(role, "operator") as client:
        answer = client.post(f"/api/targets/{quote(identifier, safe='')}/check", {})
    if as_json:
        print_json(answer)
    else:
        word = "can be reached" if answer["reachable"] else "cannot be reached"
        click.echo(f"{plain(identifier)} {word}{': ' if answer['detail'] else ''}{plain(answer['detail'])}")
        for part in ("isolation", "rights", "missing"):
            for line in answer[part]:
                click.echo(f"  {part:<10} {plain(line)}")
    if not answer["reachable"] or answer["missing"]:
        raise SystemExit(1)


@targets.command()
@click.argument("identifier", metavar="ID")
@role_option("operator")
@json_option
def remove(identifier: str, role: str | None, as_json: bool) -> None:
    """Remove target ID: nothing changes it from then on."""
    with open_client(role, "operator") as client:
        answer = client.delete(f"/api/targets/{quote(identifier, safe='')}")
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{identifier} removed")


def read_targets(file: str) -> list[dict[str, Any]]:
    """The targets in a file, each checked; raises BadInput naming the field."""
    content = read_json(file)
    entries = content if isinstance(content, list) else [content]
    if not entries:
        raise BadInput(f"{file} holds an empty list", remedy="give at least one target")
    return [_checked(entry, number, len(entries)) for number, entry in enumerate(entries)]


def _checked(entry: object, number: int, count: int) -> dict[str, Any]:
    from pydantic import ValidationError
    from suture_contracts.target import Target

    prefix = f"[{number}]." if count > 1 else ""
    if not isinstance(entry, dict):
        raise BadInput("is not an object", field=prefix.rstrip(".") or None, remedy="give a target in {…}")
    try:
        # The owner is whose key it is, where the file names nobody.
        Target.model_validate({"owner": "caller", **entry})
    except ValidationError as error:
        first = error.errors()[0]
        field = prefix + ".".join(str(step) for step in first["loc"])
        reason = "missing" if first["type"] == "missing" else str(first["msg"]).removeprefix("Value error, ")
        raise BadInput(reason, field=field, remedy="correct it in the target") from None
    return entry


def _row(entry: Mapping[str, Any]) -> tuple[object, ...]:
    target = entry.get("target", entry)
    types = ", ".join(target.get("allowed_types") or ())
    return target.get("id"), target.get("kind"), target.get("owner"), types, entry.get("revision")
