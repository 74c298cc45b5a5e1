"""What the analysis promises of any text: the fuzzer looks for one that breaks it, tests read those again."""

from __future__ import annotations

import json
import resource
import time

from pydantic import TypeAdapter
from pydantic_core import to_json
from suture_contracts.report import Report
from suture_safety import analyse
from suture_safety.answers import answer
from suture_safety.bounds import MAX_FINDINGS, MAX_SECONDS
from suture_safety.sarif import as_sarif
from suture_safety.text_types import TEXT_TYPES, TextType

# The parsers look at the clock now and then only.
MAX_CPU_SECONDS = MAX_SECONDS + 1
MAX_GROWTH_KB = 300_000
MAX_MESSAGE = 400
# One more thing to do of each language, on which a rule fires whatever stands before it.
DANGER: dict[TextType, str] = {
    "bash": "\nrm -rf /\n",
    "python": "\nimport shutil\nshutil.rmtree('/')\n",
    "sql": "\n;\nDROP DATABASE orders;\n",
    "powershell": "\nRemove-Item -Recurse -Force C:\\\n",
    "kubernetes": "\n---\n{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {hostPID: true}}\n",
    "ansible": "\n- shell: rm -rf /\n",
}
# Where a text breaks off in the middle of something, what is added becomes part of that, or even ends it.
_UNFINISHED = ("syntax", "bounds.", "text.", "unreadable", "unparsed", "yaml")
_REPORT = TypeAdapter(Report)


class Broken(AssertionError):
    """``name``: of the invariant."""

    def __init__(self, name: str, what: str) -> None:
        super().__init__(f"{name}: {what}")
        self.name = name


def text_of(data: bytes) -> tuple[str, TextType]:
    """The text that stands for these bytes, and its type, which the first byte names."""
    return data[1:].decode("utf-8", "surrogateescape"), TEXT_TYPES[(data or b"\0")[0] % len(TEXT_TYPES)]


def keep_promises(text: str, kind: TextType, slowness: float = 1) -> None:
    """Analyses the text; raises ``Broken``, or what the analysis should not have raised.

    ``slowness``: how many times as long as usual the code may take, where it is instrumented.
    """
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.thread_time()
    report = analyse(text, kind)
    seconds = time.thread_time() - started
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    _expect(seconds < slowness * MAX_CPU_SECONDS, "time", f"took {seconds:.1f} s")
    _expect(growth < MAX_GROWTH_KB, "memory", f"took {growth} KB")
    _is_sound(report, text)
    _can_be_sent(report, text, kind)
    _is_not_outdone(report, text, kind)


def _is_sound(report: Report, text: str) -> None:
    lines = len(text.splitlines()) + 1
    _expect(len(report.findings) <= MAX_FINDINGS, "findings", f"{len(report.findings)}")
    _expect(0 <= report.safety_score <= 1, "score range", f"{report.safety_score}")
    _expect(report.is_valid == (not report.errors), "validity", f"{report.is_valid}, {report.errors}")
    for one in report.findings:
        _expect(1 <= one.line <= lines and one.column >= 1, "place", f"{one} of {lines} lines")
        _expect(0 < len(one.message) <= MAX_MESSAGE, "message", f"{one}")
        _expect(one.severity == "info" or bool(one.remedy), "remedy", f"{one}")


def _can_be_sent(report: Report, text: str, kind: TextType) -> None:
    _expect(_REPORT.validate_json(to_json(report)) == report, "json", "reads back as another report")
    json.dumps(as_sarif([("a file", report)]), ensure_ascii=False).encode()
    line = json.dumps({"id": 1, "script_type": kind, "text": text}).encode()
    told = json.loads(answer(line))
    _expect(told["is_valid"] == report.is_valid, "batch", "answers otherwise")


def _is_not_outdone(report: Report, text: str, kind: TextType) -> None:
    """A dangerous line more does not raise the score."""
    finished = not any(mark in one.rule_id for one in report.findings for mark in _UNFINISHED)
    if kind in DANGER and finished and not text.rstrip("\n").endswith(("\\", "`")):
        worse = analyse(text + DANGER[kind], kind).safety_score
        _expect(worse <= report.safety_score, "score", f"rose from {report.safety_score} to {worse}")


def _expect(holds: bool, name: str, what: str) -> None:
    if not holds:
        raise Broken(name, what)
