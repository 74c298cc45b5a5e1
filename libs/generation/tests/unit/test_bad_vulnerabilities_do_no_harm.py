"""What a scanner, or whoever speaks in its name, may send: each ends in a reason, none in a command."""

from __future__ import annotations

import asyncio
import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from suture_generation.batch import BatchGenerator
from suture_generation.providers import get_llm_client
from suture_generation.reports import read_report

GENERATOR = BatchGenerator(get_llm_client("none"))
REPORTED = {
    "vulnerability_id": "CVE-2022-0778",
    "package": "openssl",
    "fixed_version": "1.1.1k-1+deb11u2",
    "distribution": "debian:11",
}


def generated(**changes: Any) -> dict[str, Any]:
    return asyncio.run(GENERATOR.generate({**REPORTED, **changes})).as_row()


def test_one_that_names_no_package_needs_no_action() -> None:
    row = generated(package=None, fixed_version=None)
    assert row["outcome"] == "no_action"
    assert "neither a package nor a setting" in row["reason"]


@pytest.mark.parametrize(
    "package",
    [
        "openssl; rm -rf /",
        "$(id)",
        "`id`",
        "openssl\nrm -rf /",
        "-o=Dpkg::Pre-Invoke::=id",
        "../../x",
        "a b",
        "x" * 300,
    ],
)
def test_a_package_name_that_is_none_is_refused_by_name(package: str) -> None:
    row = generated(package=package)
    assert (row["outcome"], row["script"]) == ("generation_failed", None)
    assert "package" in row["reason"]


@pytest.mark.parametrize(
    "version", ["1.0; id", "$(reboot)", "`id`", "1.0 || true", "1.0\nid", "--force-yes", "'1.0'", "1" * 400]
)
def test_a_version_that_is_a_command_is_refused_by_name(version: str) -> None:
    row = generated(fixed_version=version)
    assert (row["outcome"], row["script"]) == ("generation_failed", None)
    assert "version" in row["reason"]


def test_a_report_of_50_mb_with_20000_vulnerabilities_is_read_in_a_fraction_of_its_size() -> None:
    report = _Parts(_large_report())
    tracemalloc.start()
    packages = list(read_report(report))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.size > 2 * 50_000_000, "it is read twice: its head may come last"
    assert len(packages) == 400
    assert sum(1 + len(package.also_closes) for package in packages) == 20_000
    assert most < 25_000_000


def _large_report() -> list[bytes]:
    filler = "x" * 2_500
    entries = (
        json.dumps(
            {
                "VulnerabilityID": f"CVE-2022-{number}",
                "PkgName": f"package-{number % 400}",
                "InstalledVersion": "1.0-1",
                "FixedVersion": f"1.{number % 50 + 1}-1",
                "Severity": "HIGH",
                "Description": filler,
            }
        )
        for number in range(20_000)
    )
    head = b'{"SchemaVersion": 2, "Metadata": {"OS": {"Family": "debian", "Name": "12"}}, '
    whole = ",".join(entries).encode()
    return [head, b'"Results": [{"Vulnerabilities": [', whole, b"]}]}"]


class _Parts(io.RawIOBase):
    """Counts what is read of a report that lies in memory before the measurement begins."""

    def __init__(self, parts: list[bytes]) -> None:
        self._whole = io.BytesIO(b"".join(parts))
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        part = self._whole.read(size)
        self.size += len(part)
        return part

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._whole.seek(offset, whence)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._whole)
