"""``suture templates``: what scripts are made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from suture_cli.client import Client, open_client
from suture_cli.failures import OTHER_END, BadInput
from suture_cli.files import read_text
from suture_cli.options import json_option, role_option
from suture_cli.terminal import print_json, print_table

if TYPE_CHECKING:
    from suture_contracts.template import Template

PATH = "/api/generative-remediation/templates"
_OF_THE_SYSTEM = ("origin", "proven", "revision")


@click.group()
def templates() -> None:
    """List, show, test, add, edit and delete templates: what scripts are made from. Supervisors write."""


@templates.command(name="list")
@click.option("--released", is_flag=True, help="Those of this release, without a running system.")
@role_option("operator")
@json_option
def list_templates(released: bool, role: str | None, as_json: bool) -> None:
    """List the newest revision of each template."""
    found = _released() if released else _all(role)
    if as_json:
        print_json({"templates": found})
        return
    rows = (
        (each["id"], str(each["revision"]), ", ".join(each["categories"]), each["title"]) for each in found
    )
    print_table(("ID", "REVISION", "CATEGORIES", "TITLE"), rows)


@templates.command()
@click.argument("identifier", metavar="ID")
@click.option("--released", is_flag=True, help="That of this release, without a running system.")
@role_option("operator")
def show(identifier: str, released: bool, role: str | None) -> None:
    """Print template ID as YAML, as 'add' and 'edit' take it."""
    import yaml

    found = _released() if released else _all(role)
    for each in found:
        if each["id"] == identifier:
            click.echo(yaml.safe_dump(each, sort_keys=False, allow_unicode=True, width=100), nl=False)
            return
    raise BadInput(f"there is no template {identifier}", remedy="'suture templates list' shows them")


@templates.command()
@click.argument("files", metavar="[FILE|ID]...", nargs=-1)
@json_option
@click.pass_context
def test(ctx: click.Context, files: tuple[str, ...], as_json: bool) -> None:
    """Test templates: a YAML FILE (- for stdin), a released ID, or without any, all of this release.

    Each example has to render and to pass the safety analysis. Each fixture is laid out in a scratch folder,
    where check, fix and rollback run in the local sandbox: the check fails before and passes after, and
    everything is taken back byte for byte. Nothing else is touched. Exit code 1: a template fails.
    """
    from suture_generation.catalog import released_templates

    from suture_cli.template_tests import lines_of, tested

    known = {template.id: template for template in released_templates()}
    passes = True
    for template in [known[file] if file in known else _parsed(file) for file in files or known]:
        result = tested(template)
        passes &= result["passes"]
        if as_json:
            print_json(result)
        else:
            click.echo("\n".join(lines_of(result)))
    ctx.exit(0 if passes else OTHER_END)


@templates.command()
@click.argument("file")
@role_option("supervisor")
@json_option
def add(file: str, role: str | None, as_json: bool) -> None:
    """Add the template in FILE (YAML, - for stdin)."""
    body = _body(_parsed(file))
    with open_client(role, "supervisor") as client:
        _told(client.post(PATH, body), as_json)


@templates.command()
@click.argument("file")
@role_option("supervisor")
@json_option
def edit(file: str, role: str | None, as_json: bool) -> None:
    """Write FILE (YAML, - for stdin) as the next revision; its ``revision`` is the one that was seen."""
    template = _parsed(file)
    body = {**_body(template), "revision": template.revision}
    with open_client(role, "supervisor") as client:
        _told(client.put(_path_of(template.id), body), as_json)


@templates.command()
@click.argument("identifier", metavar="ID")
@role_option("supervisor")
def delete(identifier: str, role: str | None) -> None:
    """Delete template ID; what was made from it stays, and its id is never used again."""
    with open_client(role, "supervisor") as client:
        client.delete(_path_of(identifier))
    click.echo(f"{identifier} deleted")


def _path_of(identifier: str) -> str:
    return f"{PATH}/{quote(identifier, safe='')}"


def _body(template: Template) -> dict[str, Any]:
    return template.model_dump(mode="json", exclude=set(_OF_THE_SYSTEM))


def _all(role: str | None) -> list[dict[str, Any]]:
    with open_client(role, "operator") as client:
        return _fetched(client)


def _fetched(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(PATH)["templates"]
    return [{_snake(name): value for name, value in each.items()} for each in found]


def _released() -> list[dict[str, Any]]:
    from suture_generation.catalog import released_templates

    return [template.model_dump(mode="json") for template in released_templates()]


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _parsed(file: str) -> Template:
    from suture_generation.catalog import parse_template
    from suture_generation.errors import GenerationError

    try:
        return parse_template(read_text(file))
    except GenerationError as error:
        raise BadInput(f"{file}: {error.reason}", field=error.field, remedy=error.remedy) from None


def _told(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer.get('id')} revision {answer.get('revision')}")
