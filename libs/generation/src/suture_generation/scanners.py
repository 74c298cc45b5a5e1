"""The forms of scanners' reports: OSV records, Trivy's and Grype's JSON, as entries of one advisory each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import IO, Any

import ijson
from ijson.common import JSONError
from suture_contracts.base import Severity

from suture_generation.errors import GenerationError
from suture_generation.rows import severity_of

MAX_REPORT_BYTES = 256 * 1_048_576
_ECOSYSTEMS = re.compile(
    r"(debian|ubuntu|alma ?linux|rocky linux|red hat|suse|opensuse|amazon linux|oracle linux|fedora)"
    r"(?::(.*))?",
    re.IGNORECASE,
)


class ReportInvalid(GenerationError):
    """The report cannot be read; says where it breaks off."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a report says of one advisory and one installed package."""

    advisory: str
    package: str
    installed: str | None
    fixed: tuple[str, ...]
    distribution: str | None
    distribution_version: str | None
    severity: Severity
    description: str = ""
    cvss: float | None = None


def is_report(start: bytes) -> bool:
    """Whether the first bytes of a file look like one of the reports that are read here."""
    text = start.lstrip()[:65_536]
    return any(
        mark in text
        for mark in (b'"SchemaVersion"', b'"ArtifactName"', b'"matches"', b'"affected":', b'"affected" :')
    ) or (b'"results"' in text and b'"packages"' in text)


@dataclass(slots=True)
class Head:
    form: str = ""
    host: str | None = None
    distribution: str | None = None
    version: str | None = None


_HEAD_PLACES = {
    "ArtifactName": "host",
    "source.target.userInput": "host",
    "Metadata.OS.Family": "distribution",
    "Metadata.OS.Name": "version",
    "distro.name": "distribution",
    "distro.version": "version",
}
_FORMS = {
    "SchemaVersion": "trivy",
    "Results": "trivy",
    "matches": "grype",
    "affected": "osv",
    "results": "osv-scanner",
}


def read_head(source: IO[bytes]) -> Head:
    head = Head()
    try:
        for prefix, event, value in ijson.parse(_Bounded(source), use_float=True):
            if prefix in _FORMS and not head.form:
                head.form = _FORMS[prefix]
            elif prefix == "item" and event == "start_map" and not head.form:
                head.form = "osv-list"
            if event == "string" and prefix in _HEAD_PLACES:
                setattr(head, _HEAD_PLACES[prefix], value[:300])
    except JSONError as error:
        raise ReportInvalid(f"is not whole JSON: {error}"[:300], remedy="send the report whole") from error
    if not head.form:
        raise ReportInvalid("is no report that is known", remedy="send OSV, or Trivy's or Grype's JSON")
    return head


class _Bounded:
    """Refuses to read further than the largest report."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._left = MAX_REPORT_BYTES

    def read(self, size: int = -1) -> bytes:
        part = self._source.read(min(size, 65_536) if size >= 0 else 65_536)
        self._left -= len(part)
        if self._left < 0:
            raise ReportInvalid(
                f"is larger than {MAX_REPORT_BYTES:,} bytes", remedy="split the report by host"
            )
        return part


def entries_of(source: IO[bytes], head: Head) -> Iterator[Entry]:
    if head.form == "trivy":
        for result in _items(source, "Results.item.Vulnerabilities.item"):
            yield from _of_trivy(result, head)
    elif head.form == "grype":
        for match in _items(source, "matches.item"):
            yield from _of_grype(match, head)
    elif head.form == "osv-scanner":
        for package in _items(source, "results.item.packages.item"):
            yield from _of_osv_scanner(package)
    else:
        for record in _items(source, "item" if head.form == "osv-list" else ""):
            yield from entries_of_osv(record)


def _items(source: IO[bytes], prefix: str) -> Iterator[Mapping[str, Any]]:
    for item in ijson.items(_Bounded(source), prefix, use_float=True):
        if isinstance(item, Mapping):
            yield item


def _of_trivy(found: Mapping[str, Any], head: Head) -> Iterator[Entry]:
    fixed = str(found.get("FixedVersion") or "")
    scores = [
        score
        for source in _mapping(found.get("CVSS")).values()
        if isinstance(score := _mapping(source).get("V3Score"), (int, float))
    ]
    purl = str(_mapping(found.get("PkgIdentifier")).get("PURL") or "")
    if purl and not purl.startswith(("pkg:deb/", "pkg:rpm/")):
        return  # A library of an application: no package manager of the system installs it.
    yield Entry(
        str(found.get("VulnerabilityID") or ""),
        str(found.get("PkgName") or ""),
        _text(found.get("InstalledVersion")),
        tuple(part.strip() for part in fixed.split(",") if part.strip()),
        head.distribution,
        head.version,
        severity_of(found.get("Severity")),
        str(found.get("Title") or found.get("Description") or "")[:2_000],
        max(scores, default=None),
    )


def _of_grype(match: Mapping[str, Any], head: Head) -> Iterator[Entry]:
    vulnerability, artifact = _mapping(match.get("vulnerability")), _mapping(match.get("artifact"))
    if artifact.get("type") not in ("deb", "rpm"):
        return
    fix = _mapping(vulnerability.get("fix"))
    versions = fix.get("versions") if fix.get("state") in ("fixed", None) else None
    scores = [
        score
        for cvss in vulnerability.get("cvss") or ()
        if isinstance(score := _mapping(_mapping(cvss).get("metrics")).get("baseScore"), (int, float))
    ]
    yield Entry(
        str(vulnerability.get("id") or ""),
        str(artifact.get("name") or ""),
        _text(artifact.get("version")),
        tuple(str(version) for version in versions or () if version),
        head.distribution,
        head.version,
        severity_of(vulnerability.get("severity")),
        str(vulnerability.get("description") or "")[:2_000],
        max(scores, default=None),
    )


def _of_osv_scanner(found: Mapping[str, Any]) -> Iterator[Entry]:
    package = _mapping(found.get("package"))
    for record in found.get("vulnerabilities") or ():
        for entry in entries_of_osv(_mapping(record)):
            if entry.package == package.get("name"):
                yield replace(entry, installed=_text(package.get("version")))


def entries_of_osv(record: Mapping[str, Any]) -> Iterator[Entry]:
    names = [str(record.get("id") or ""), *(str(alias) for alias in record.get("aliases") or ())]
    advisory = next((name for name in names if name.startswith("CVE-")), names[0])
    told = _mapping(record.get("database_specific")).get("severity")
    for affected in record.get("affected") or ():
        package = _mapping(_mapping(affected).get("package"))
        match = _ECOSYSTEMS.fullmatch(str(package.get("ecosystem") or ""))
        if match is None:
            continue
        version = re.search(r"\d+(\.\d+)?", match[2] or "")
        fixed = tuple(
            str(event["fixed"])
            for ranges in _mapping(affected).get("ranges") or ()
            for event in _mapping(ranges).get("events") or ()
            if isinstance(event, Mapping) and event.get("fixed")
        )
        yield Entry(
            advisory,
            str(package.get("name") or ""),
            None,
            fixed,
            match[1].lower(),
            version.group() if version else None,
            severity_of(told),
            str(record.get("summary") or record.get("details") or "")[:2_000],
        )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return str(value) if value else None
