"""OSV, Trivy and Grype reports: one vulnerability a package, at the lowest version that closes all of it."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from suture_contracts.findings import VulnerabilityReported
from suture_generation.reports import ReportInvalid, is_report, read_report


def found(report: Any, host: str | None = None) -> list[VulnerabilityReported]:
    data = json.dumps(report).encode()
    assert is_report(data)
    return list(read_report(io.BytesIO(data), host))


def trivy(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    return {
        "SchemaVersion": 2,
        "ArtifactName": "orders-host",
        "Metadata": {"OS": {"Family": "debian", "Name": "11.6"}},
        "Results": [{"Target": "orders", "Class": "os-pkgs", "Vulnerabilities": list(vulnerabilities)}],
    }


def entry(id: str, fixed: str | None, package: str = "openssl", **more: Any) -> dict[str, Any]:
    fields = {"VulnerabilityID": id, "PkgName": package, "InstalledVersion": "1.1.1k-1", **more}
    return fields | ({"FixedVersion": fixed} if fixed else {})


def test_many_advisories_of_a_package_are_one_remediation_at_the_version_that_closes_all() -> None:
    report = trivy(
        entry("CVE-2022-1", "1.1.1n-0+deb11u1", Severity="LOW"),
        entry("CVE-2022-2", "1.1.1n-0+deb11u10", Severity="CRITICAL", CVSS={"nvd": {"V3Score": 9.8}}),
        entry("CVE-2022-3", "1.1.1n-0+deb11u9"),
        entry("CVE-2022-4", None),
        entry("CVE-2022-5", "7.74.0-1.3+deb11u2", "curl"),
    )
    openssl, curl = found(report)
    assert (openssl.package, openssl.fixed_version) == ("openssl", "1.1.1n-0+deb11u10")
    assert {openssl.vulnerability_id, *openssl.also_closes} == {"CVE-2022-1", "CVE-2022-2", "CVE-2022-3"}
    assert "CVE-2022-4" in openssl.description
    assert (openssl.severity, openssl.cvss) == ("critical", 9.8)
    assert (openssl.distribution, openssl.affected_systems) == ("debian", ("orders-host",))
    assert (curl.package, curl.fixed_version) == ("curl", "7.74.0-1.3+deb11u2")


def test_a_package_without_any_fix_gets_no_version() -> None:
    (only,) = found(trivy(entry("CVE-2022-4", None)))
    assert only.fixed_version is None


def test_a_library_of_an_application_is_left_to_its_own_tools() -> None:
    library = entry("CVE-1", "2.0.0", "lodash", PkgIdentifier={"PURL": "pkg:npm/lodash@1.0.0"})
    assert found(trivy(library)) == []


def test_grype_names_the_distribution_after_its_matches() -> None:
    match = {
        "vulnerability": {
            "id": "CVE-2023-4863",
            "severity": "High",
            "fix": {"state": "fixed", "versions": ["0:1.0.0-8.el8_8.1"]},
            "cvss": [{"metrics": {"baseScore": 8.8}}],
        },
        "artifact": {"name": "libwebp", "version": "1.0.0-5.el8", "type": "rpm"},
    }
    report = {
        "matches": [match],
        "source": {"target": {"userInput": "web-1"}},
        "distro": {"name": "rhel", "version": "8.8"},
    }
    (only,) = found(report)
    assert (only.package, only.fixed_version, only.distribution) == ("libwebp", "0:1.0.0-8.el8_8.1", "rhel")
    assert only.affected_systems == ("web-1",)


def test_an_osv_record_is_taken_for_each_distribution_that_it_names() -> None:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1.1n-0+deb11u1"}]}]
    record = {
        "id": "DSA-5103-1",
        "aliases": ["CVE-2022-0778"],
        "affected": [
            {"package": {"ecosystem": "Debian:11", "name": "openssl"}, "ranges": ranges},
            {"package": {"ecosystem": "PyPI", "name": "cryptography"}, "ranges": ranges},
        ],
    }
    (only,) = found(record, host="orders-host")
    assert (only.vulnerability_id, only.package) == ("CVE-2022-0778", "openssl")
    assert (only.distribution, only.distribution_version) == ("debian", "11")
    assert only.affected_systems == ("orders-host",)


@pytest.mark.parametrize(
    "text", [b'{"SchemaVersion": 2, "Results": [', b'{"SchemaVersion": 2, "Results": [}', b"{}"]
)
def test_a_report_that_breaks_off_is_a_named_error(text: bytes) -> None:
    with pytest.raises(ReportInvalid):
        list(read_report(io.BytesIO(text)))


def test_a_large_report_is_read_in_a_fraction_of_its_size(
    tmp_path: Path,
) -> None:
    path = tmp_path / "report.json"
    with path.open("w") as file:
        file.write('{"SchemaVersion": 2, "Results": [{"Vulnerabilities": [')
        filler = "x" * 4_000
        for number in range(2_000):
            one = entry(f"CVE-2022-{number}", f"1.{number}-1", f"package-{number % 50}", Description=filler)
            file.write(("," if number else "") + json.dumps(one))
        file.write("]}]}")
    size = path.stat().st_size
    tracemalloc.start()
    with path.open("rb") as source:
        packages = list(read_report(source))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(packages) == 50
    assert most < size / 4
