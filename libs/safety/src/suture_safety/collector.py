"""Gathers findings and needs while one text is analysed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from suture_contracts.report import Level, Part, SafetyFinding

from suture_safety.bounds import MAX_FINDINGS, MAX_NESTED, BoundExceeded

Standard = Literal["baseline", "restricted"]
_MAX_MESSAGE = 400
_MAX_NEEDS = 500


def finding(
    rule_id: str,
    severity: Level,
    message: str,
    remedy: str,
    line: int = 1,
    column: int = 1,
    part: Part = "body",
    level: Standard | None = None,
) -> SafetyFinding:
    """A finding whose message has no more than the bound."""
    message = message[:_MAX_MESSAGE].replace("\x00", "\\0")
    return SafetyFinding(rule_id, severity, message, line, column, remedy, part, level)


@dataclass(slots=True)
class Effects:
    """What a text was seen to touch. ``states``: state other than files (packages, services).

    ``images``: the container images that it takes, as they are written; ``users`` and ``service_accounts``:
    whom it acts as besides the one that it runs as; ``amounts``: the most that it asks for of each kind.
    """

    writes: dict[str, tuple[int, int]] = field(default_factory=dict)
    executes: dict[str, None] = field(default_factory=dict)
    egress: dict[str, tuple[int, int]] = field(default_factory=dict)
    states: dict[str, tuple[int, int]] = field(default_factory=dict)
    images: dict[str, tuple[int, int]] = field(default_factory=dict)
    users: dict[str, tuple[int, int]] = field(default_factory=dict)
    service_accounts: dict[str, tuple[int, int]] = field(default_factory=dict)
    amounts: dict[str, tuple[int, tuple[int, int]]] = field(default_factory=dict)
    complete: bool = True

    def amount(self, name: str, asked: int, place: tuple[int, int]) -> None:
        if asked > self.amounts.get(name, (0, place))[0]:
            self.amounts[name] = (asked, place)

    def write(self, path: str, place: tuple[int, int]) -> None:
        self._bounded(self.writes, path, place)

    def connect(self, address: str, place: tuple[int, int]) -> None:
        self._bounded(self.egress, address, place)

    def image(self, name: str, place: tuple[int, int]) -> None:
        self._bounded(self.images, name, place)

    def user(self, name: str, place: tuple[int, int]) -> None:
        self._bounded(self.users, name, place)

    def service_account(self, name: str, place: tuple[int, int]) -> None:
        self._bounded(self.service_accounts, name, place)

    def _bounded(self, of: dict[str, tuple[int, int]], name: str, place: tuple[int, int]) -> None:
        if len(of) < _MAX_NEEDS:
            of.setdefault(name, place)
        else:
            self.complete = False


@dataclass(slots=True)
class Collector:
    """The findings of one part of a script, each once a place; more than the bound ends the analysis."""

    part: Part = "body"
    declared: tuple[str, ...] = ()
    findings: list[SafetyFinding] = field(default_factory=list)
    effects: Effects = field(default_factory=Effects)
    nested: int = 0
    _seen: set[tuple[str, int, int]] = field(default_factory=set)

    def deeper(self) -> bool:
        """Whether code inside code may be followed one level deeper; the caller counts down again."""
        self.nested += 1
        if self.nested > MAX_NESTED:
            raise BoundExceeded("bounds.depth", f"holds code inside code more than {MAX_NESTED} levels deep")
        return True

    def add(
        self,
        rule_id: str,
        severity: Level,
        message: str,
        remedy: str,
        place: tuple[int, int] = (1, 1),
        level: Standard | None = None,
    ) -> None:
        key = (rule_id, *place)
        if key in self._seen:
            return
        if len(self.findings) >= MAX_FINDINGS - 10:
            raise BoundExceeded("bounds.findings", f"breaks rules in more than {MAX_FINDINGS - 10} places")
        self._seen.add(key)
        line, column = place
        self.findings.append(finding(rule_id, severity, message, remedy, line, column, self.part, level))
