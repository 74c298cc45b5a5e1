"""``suture audit``: checks the journal here, with the public keys alone; the gateway is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from suture_cli.client import Client, open_client
from suture_cli.connection import find_run_file
from suture_cli.failures import BadInput, CommandFailed, Unreachable
from suture_cli.options import json_option, role_option
from suture_cli.terminal import plain, print_json, print_table

if TYPE_CHECKING:
    from suture_chassis.custody import TrustStore
    from suture_chassis.custody.audit import Audit, Broken, JournalEntry, SignedHead

_PATH = "/api/audit"
_PAGE = 200
_MOST_SHOWN = 100
_SHOWN_DIGEST = 16


@click.group()
def audit() -> None:
    """Check the journal of everything that happened, and show a remediation's entries."""


@audit.command()
@click.option(
    "--trust-store",
    type=click.Path(path_type=Path),
    help="Public keys to check with; keys that expired stay in it. [default: that of 'suture up']",
)
@click.option("--expect", metavar="SEQ:DIGEST", help="An entry as an earlier audit printed it.")
@role_option("supervisor")
@json_option
def verify(trust_store: Path | None, expect: str | None, role: str | None, as_json: bool) -> None:
    """Read the whole journal; name each entry that was changed, removed, moved or forged.

    What is cut off together with the signed heads about it can be told only by an earlier audit's head.
    """
    from suture_chassis.custody.audit import Audit

    trust, expected = _trust(trust_store), _expected(expect)
    with open_client(role, "supervisor") as client:
        checked = Audit(trust, _heads(client))
        found = list(islice(checked.check(_noting(_entries(client), expected)), _MOST_SHOWN))
    found += _unmet(expected)
    _report(checked, found, as_json)
    if found:
        raise CommandFailed(
            f"the journal is not what was written: {len(found)} problem{'s' * (len(found) != 1)}",
            remedy="keep the store as it is, and compare it with a backup",
        )


@audit.command()
@click.argument("identifier", metavar="ID")
@role_option("supervisor")
@json_option
def show(identifier: str, role: str | None, as_json: bool) -> None:
    """Show each journal entry of remediation ID: when, what, who signed it, and its body's digest."""
    with open_client(role, "supervisor") as client:
        remediation = client.remediation(identifier)["remediation_id"]
        entries = list(_entries(client, remediation_id=remediation))
    if as_json:
        print_json({"entries": [entry.model_dump() for entry in entries]})
        return
    print_table(("ENTRY", "AT", "EVENT", "SIGNER", "BODY SHA-256"), map(_row, entries), whole=("ENTRY",))


def _report(checked: Audit, found: list[Broken], as_json: bool) -> None:
    head, signed = checked.head, checked.signed
    if as_json:
        print_json(
            {
                "broken": [{"seq": each.seq, "reason": each.reason} for each in found],
                "head": {"seq": head.seq, "digest": head.digest},
                "signed_head": {"seq": signed.seq, "digest": signed.digest},
            }
        )
        return
    for each in found:
        click.echo(plain(f"entry {each.seq} {each.reason}"))
    if not found:
        click.echo(f"{head.seq} entries, each as it was written; the gateway signed the first {signed.seq}")
        click.echo(f"head {head.seq}:{head.digest}")


def _entries(client: Client, **query: object) -> Iterator[JournalEntry]:
    from suture_chassis.custody.audit import JournalEntry

    return _pages(client, "entries", JournalEntry, query)


def _heads(client: Client) -> Iterator[SignedHead]:
    from suture_chassis.custody.audit import SignedHead

    return _pages(client, "heads", SignedHead, {})


def _pages(client: Client, name: str, model: Any, query: dict[str, object]) -> Iterator[Any]:
    from pydantic import ValidationError

    after: int | None = 0
    while after is not None:
        answer = client.get(f"{_PATH}/{name}", after=after, limit=_PAGE, **query)
        try:
            yield from map(model.model_validate, answer[name])
            following = answer["next_after"]
        except (KeyError, TypeError, ValidationError) as error:
            raise Unreachable(
                f"{_PATH}/{name} does not answer as Suture does: {type(error).__name__}",
                remedy="check SUTURE_API",
            ) from None
        if following is not None and not (isinstance(following, int) and following > after):
            raise Unreachable(f"{_PATH}/{name} goes in circles", remedy="check SUTURE_API")
        after = following


def _trust(path: Path | None) -> TrustStore:
    from suture_chassis.custody import TrustStore
    from suture_chassis.errors import PermanentError

    chosen = path or find_run_file(Path.cwd()).parent / "keys" / "trust.json"
    try:
        return TrustStore.load(chosen)
    except PermanentError as error:
        raise BadInput(error.reason, field="--trust-store", remedy=error.remedy) from None


def _expected(text: str | None) -> dict[int, str]:
    if text is None:
        return {}
    number, _, digest = text.partition(":")
    if not (number.isdecimal() and len(digest) == 64 and set(digest) <= set("0123456789abcdef")):
        raise BadInput(
            f"{text!r} is not a head", field="--expect", remedy="give SEQ:DIGEST as an audit printed it"
        )
    return {int(number): digest}


def _noting(entries: Iterator[JournalEntry], expected: dict[int, str]) -> Iterator[JournalEntry]:
    """The entries; what was expected and found is taken out."""
    for entry in entries:
        if expected.get(entry.seq) == entry.digest:
            del expected[entry.seq]
        yield entry


def _unmet(expected: dict[int, str]) -> list[Broken]:
    from suture_chassis.custody.audit import Broken

    return [Broken(seq, "is not the one that the earlier audit saw") for seq in expected]


def _row(entry: JournalEntry) -> tuple[object, ...]:
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return entry.seq, at, entry.type, entry.signer or "unsigned", entry.body_digest[:_SHOWN_DIGEST]
