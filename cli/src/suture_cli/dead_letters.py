"""``suture dead-letters``: messages that no service could take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import click

from suture_cli.client import Client, open_client
from suture_cli.failures import BadInput
from suture_cli.options import json_option, role_option
from suture_cli.terminal import clock, plain, print_json, print_table

_PATH = "/api/dead-letters"
_LABEL = 10


@click.group(name="dead-letters")
def dead_letters() -> None:
    """List, show, replay and drop the messages that no service could take."""


@dead_letters.command(name="list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--after", metavar="PLACE", help="Go on where the last page ended, as it said.")
@role_option("operator")
@json_option
def list_letters(limit: int, after: str | None, role: str | None, as_json: bool) -> None:
    """List the dead letters, oldest first."""
    with open_client(role, "operator") as client:
        answer = client.get(_PATH, limit=limit, after=after)
    if as_json:
        print_json(answer)
    elif not answer.get("dead_letters"):
        click.echo("no dead letters", err=True)
    else:
        columns = ("ID", "AT", "QUEUE", "FIELD", "REASON")
        print_table(columns, map(_row, answer["dead_letters"]), whole=("ID", "AT"))
        if answer.get("next_after"):
            click.echo(plain(f"there are more: --after {answer['next_after']}"), err=True)


@dead_letters.command()
@click.argument("identifier", metavar="ID")
@role_option("operator")
@json_option
def show(identifier: str, role: str | None, as_json: bool) -> None:
    """Show dead letter ID: reason, field, remedy, where it came from, and the message itself."""
    with open_client(role, "operator") as client:
        letter = client.get(_path(client, identifier))
    if as_json:
        print_json(letter)
        return
    for line in describe(letter):
        click.echo(line)


@dead_letters.command()
@click.argument("identifier", metavar="ID")
@role_option("operator")
@json_option
def replay(identifier: str, role: str | None, as_json: bool) -> None:
    """Send dead letter ID back to the queue that it came from."""
    with open_client(role, "operator") as client:
        answer = client.post(_path(client, identifier) + "/replay")
    if as_json:
        print_json(answer)
    else:
        click.echo(plain(f"{answer.get('id')} replayed to {answer.get('origin')}"))


@dead_letters.command()
@click.argument("identifier", metavar="ID")
@role_option("operator")
@json_option
def drop(identifier: str, role: str | None, as_json: bool) -> None:
    """Throw dead letter ID away, for good."""
    with open_client(role, "operator") as client:
        answer = client.delete(_path(client, identifier))
    if as_json:
        print_json(answer)
    else:
        click.echo(plain(f"{answer.get('id')} dropped"))


def describe(letter: Mapping[str, Any]) -> Iterator[str]:
    """The letter's lines, harmless for the terminal."""
    for label in ("id", "type", "origin", "at", "reason", "field", "remedy", "error"):
        if letter.get(label):
            yield plain(f"{label:<{_LABEL}}{letter[label]}")
    yield "\n" + click.style(f"body, {letter.get('size')} bytes", bold=True)
    yield plain(_pretty(str(letter.get("body") or "")), lines=True)
    if letter.get("stack"):
        yield "\n" + click.style("stack", bold=True)
        yield plain(letter["stack"], lines=True).rstrip()


def _path(client: Client, identifier: str) -> str:
    """The letter's path; the beginning of an id will do where it is the only one that begins so."""
    if not identifier.strip("./ "):
        raise BadInput(
            f"{identifier!r} is not an id", field="ID", remedy="'suture dead-letters list' shows them"
        )
    known = client.get(_PATH, limit=2, begins=identifier).get("dead_letters", ())
    matches = [str(letter["id"]) for letter in known]
    if len(matches) > 1:
        raise BadInput(f"several ids begin with {identifier}", field="ID", remedy="give more of it")
    return f"{_PATH}/{quote(matches[0] if matches else identifier, safe='')}"


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body


def _row(letter: Mapping[str, Any]) -> tuple[object, ...]:
    at = clock(letter["at"]) if letter.get("at") else None
    return letter.get("id"), at, letter.get("origin"), letter.get("field"), letter.get("reason")
