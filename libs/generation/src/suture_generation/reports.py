"""Scanners' reports, read as they stream by, never held whole.

What a report says of one package of one host becomes one vulnerability to remedy, however many advisories
speak of it: at the lowest version that closes all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from pydantic import ValidationError
from suture_contracts.base import Severity
from suture_contracts.findings import VulnerabilityReported

from suture_generation.distributions import package_manager_of
from suture_generation.scanners import Entry, ReportInvalid, entries_of, is_report, read_head
from suture_generation.versions import lowest_above, newest, scheme_of

__all__ = ["ReportInvalid", "is_report", "read_report"]

MAX_ENTRIES = 200_000
MAX_PACKAGES = 20_000
MAX_CLOSED = 1_000
_SEVERITY_ORDER: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")


@dataclass(slots=True)
class Merged:
    """What all entries of one package come to."""

    first: Entry
    advisories: dict[str, None] = field(default_factory=dict)
    versions: set[str] = field(default_factory=set)
    unfixed: dict[str, None] = field(default_factory=dict)
    severity: Severity = "info"
    cvss: float | None = None

    def add(self, entry: Entry) -> None:
        if entry.fixed:
            scheme = scheme_of(package_manager_of(entry.distribution, entry.distribution_version))
            self.versions.add(lowest_above(list(entry.fixed), entry.installed, scheme))
            self.advisories[entry.advisory] = None
        else:
            self.unfixed[entry.advisory] = None
        self.severity = max(self.severity, entry.severity, key=_SEVERITY_ORDER.index)
        self.cvss = max((score for score in (self.cvss, entry.cvss) if score is not None), default=None)


def read_report(source: IO[bytes], host: str | None = None) -> Iterator[VulnerabilityReported]:
    """One vulnerability for each package; ``source`` has to be seekable: its head may come last.

    ``host`` is what the affected system is called where the report does not say. Raises ``ReportInvalid``.
    """
    head = read_head(source)
    source.seek(0)
    merged: dict[tuple[str, str | None, str | None], Merged] = {}
    for count, entry in enumerate(entries_of(source, head), start=1):
        if count > MAX_ENTRIES:
            raise ReportInvalid(f"has more than {MAX_ENTRIES:,} entries", remedy="split the report by host")
        key = (entry.package, entry.distribution, entry.distribution_version)
        if key not in merged and len(merged) >= MAX_PACKAGES:
            raise ReportInvalid(
                f"names more than {MAX_PACKAGES:,} packages", remedy="split the report by host"
            )
        merged.setdefault(key, Merged(entry)).add(entry)
    where = host or head.host
    for package in merged.values():
        yield _reported(package, where)


def _reported(merged: Merged, host: str | None) -> VulnerabilityReported:
    first = merged.first
    scheme = scheme_of(package_manager_of(first.distribution, first.distribution_version))
    closed = list(merged.advisories or merged.unfixed)[:MAX_CLOSED]
    still_open = [] if not merged.versions else list(merged.unfixed)
    note = f" Without a fix yet: {', '.join(still_open[:50])}." if still_open else ""
    try:
        return VulnerabilityReported(
            vulnerability_id=closed[0],
            also_closes=tuple(closed[1:]),
            package=first.package,
            installed_version=first.installed,
            fixed_version=newest(sorted(merged.versions), scheme) if merged.versions else None,
            distribution=first.distribution,
            distribution_version=first.distribution_version,
            severity=merged.severity,
            description=f"{first.description}{note}",
            cvss=merged.cvss,
            affected_systems=(host,) if host else (),
        )
    except ValidationError as error:
        fault = error.errors()[0]
        field_name = ".".join(str(part) for part in fault["loc"])
        raise ReportInvalid(
            f"{first.package[:100]!r}: {fault['msg']}", field=field_name, remedy="correct the report"
        ) from error
