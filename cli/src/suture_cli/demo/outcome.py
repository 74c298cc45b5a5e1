"""What became of one example, and whether it is what its file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from suture_cli.demo.api import DemoApi
from suture_cli.demo.examples import Example
from suture_cli.demo.supervisors import SupervisorsTool

_NOTICE_SECONDS = 10.0
_OUTPUT_LINES = 20


@dataclass(slots=True)
class Outcome:
    """``notes`` is what there is to see; ``differences`` is what should be otherwise."""

    example: str
    title: str
    expected: str
    remediation_id: str = ""
    outcome: str = "unknown"
    states: list[str] = field(default_factory=list)
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    @property
    def is_as_expected(self) -> bool:
        return self.outcome == self.expected and not self.differences

    def as_json(self) -> dict[str, Any]:
        line: dict[str, Any] = {
            "example": self.example,
            "remediation_id": self.remediation_id,
            "outcome": self.outcome,
            "expected": self.expected,
            "states": self.states,
            "seconds": round(self.seconds, 2),
        }
        return line | ({"differences": self.differences} if self.differences else {})


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where to look."""

    api: DemoApi
    tool: SupervisorsTool
    broken: Broken | None


class Broken(Protocol):
    """What an example breaks: a service on this machine, or objects in a cluster."""

    def target_of(self, example: Example) -> dict[str, Any] | None: ...

    async def is_broken(self) -> bool: ...

    async def look(self, example: Example, outcome: Outcome) -> None: ...


async def examine(
    example: Example, document: Mapping[str, Any], evidence: Evidence, outcome: Outcome
) -> None:
    """Looks at the service, its files, the script and the queue; fills notes and differences."""
    if outcome.outcome != outcome.expected:
        outcome.differences += _why(document, outcome)
    elif example.expected.reason_has:
        reason = str(document.get("error") or "")
        found = example.expected.reason_has in reason
        (outcome.notes if found else outcome.differences).append(f"the reason: {reason}")
    _look_at_script(example, document, outcome)
    if example.expected.refused:
        _look_at_refusal(document, outcome)
    if evidence.broken is not None:
        await evidence.broken.look(example, outcome)
    count = await evidence.api.count(example.reference)
    if count != 1:
        outcome.differences.append(f"{count} remediations for {example.reference}, not 1")
    elif example.event is not None:
        outcome.notes.append(f"published {example.event.deliveries} times, one remediation")
    if example.expected.notified:
        told = await evidence.tool.was_told(outcome.remediation_id, _NOTICE_SECONDS)
        (outcome.notes if told else outcome.differences).append(
            "supervisors were told" if told else "supervisors were not told"
        )
    if example.approve and document.get("approved"):
        outcome.notes.append("approved out of the queue supervisors.approvals")


def _why(document: Mapping[str, Any], outcome: Outcome) -> list[str]:
    """What the system says of an end that nobody expected."""
    lines = [
        f"it ended as {outcome.outcome}, not as {outcome.expected}: {document.get('error') or 'no reason'}"
    ]
    for run in document.get("runs") or ():
        lines.append(f"on {run.get('target')}: {run.get('outcome')}; {run.get('detail')}")
        lines += [f"    {line}" for line in str(run.get("output_tail", "")).splitlines()[-_OUTPUT_LINES:]]
    return lines


def _look_at_script(example: Example, document: Mapping[str, Any], outcome: Outcome) -> None:
    script = document.get("script") or {}
    body = str(script.get("body") or "")
    for part in example.expected.script_has:
        if part not in body:
            outcome.differences.append(f"the script does not have {part!r}")
    if example.expected.script_has:
        for part, heading in (
            ("body", "the script"),
            ("verify", "its verification"),
            ("rollback", "its rollback"),
        ):
            text = str(script.get(part) or "")
            outcome.notes += [f"{heading}:", *(f"    {line}" for line in text.splitlines())]
            if not text:
                outcome.differences.append(f"{heading} is missing")


def _look_at_refusal(document: Mapping[str, Any], outcome: Outcome) -> None:
    findings = [
        finding for finding in (document.get("report") or {}).get("findings", ()) if _is_precise(finding)
    ]
    if not findings:
        outcome.differences.append("the refusal names no rule with line and column")
    for finding in findings:
        place = f"line {finding['line']}, column {finding['column']}"
        outcome.notes.append(f"refused by {finding['rule_id']} at {place}: {finding['message']}")
    if document.get("execution_id") or document.get("runs"):
        outcome.differences.append("something was executed")
    else:
        outcome.notes.append("nothing ran")


def _is_precise(finding: Mapping[str, Any]) -> bool:
    return bool(
        finding.get("severity") == "error"
        and finding.get("rule_id")
        and finding.get("line", 0) >= 1
        and finding.get("column", 0) >= 1
    )
