"""Scanners' reports for ``suture submit``: read here as they stream by, one submission a package."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import click

from suture_cli.failures import BadInput, CommandFailed
from suture_cli.terminal import print_json

if TYPE_CHECKING:
    from suture_cli.client import Client

_START_BYTES = 65_536


@contextmanager
def opened(file: str) -> Iterator[IO[bytes]]:
    """The file, or stdin in a temporary one: a report is read twice."""
    try:
        if file == "-":
            with tempfile.TemporaryFile() as spooled:
                while part := sys.stdin.buffer.read(_START_BYTES):
                    spooled.write(part)
                spooled.seek(0)
                yield spooled
        else:
            with open(file, "rb") as source:
                yield source
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}", remedy="check the path") from None


def is_report(source: IO[bytes]) -> bool:
    start = source.read(_START_BYTES)
    source.seek(0)
    if b'"vulnerability_id"' in start or b'"anomaly_id"' in start:
        return False
    from suture_generation import reports

    return reports.is_report(start)


def submit_report(client: Client, source: IO[bytes], name: str, host: str | None, *, as_json: bool) -> int:
    """Submits each package's vulnerability; the number of those that were refused."""
    from suture_generation.reports import ReportInvalid, read_report

    refused = count = 0
    try:
        for vulnerability in read_report(source, host):
            count += 1
            body = vulnerability.model_dump(mode="json", exclude_defaults=True)
            key = f"report-{hashlib.sha256(vulnerability.model_dump_json().encode()).hexdigest()}"
            try:
                accepted = client.post("/api/vulnerabilities", body, key=key)
            except CommandFailed as failed:
                failed.show()
                refused += 1
            else:
                _announce(body, accepted, as_json=as_json)
    except ReportInvalid as error:
        raise BadInput(f"{name}: {error.reason}", field=error.field, remedy=error.remedy or "") from None
    if not as_json:
        click.echo(f"submitted {count - refused} packages", err=True)
    return refused


def _announce(body: dict[str, Any], accepted: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({"package": body["package"], "fixed_version": body.get("fixed_version"), **accepted})
    else:
        click.echo(f"{accepted.get('remediation_id')} {body['package']} {body.get('fixed_version', '')}")
