"""Measures the safety analysis over labelled samples: ``python -m bench.safety FOLDER``.

Every sample is analysed, none is ever run. Progress and the tables go to stderr, one line of JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suture_safety import validate

from bench.obfuscation import FORMS
from bench.safety_samples import FILES, read_samples
from bench.safety_speed import speed_ratios
from bench.safety_targets import TARGETS, Sample, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from suture_contracts.report import Report
    from suture_safety.text_types import TextType

_GENERATED: dict[str, TextType] = {"python_standard": "python", "obfuscated": "bash"}
_ORDER = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of one table: how many of a group's texts are blocked, and how many need a look at least."""

    group: tuple[str, str, str]
    texts: int
    blocked: int
    looked_at: int
    with_info: int


def judge(sample: Sample) -> Verdict:
    """Analyses one sample; an exception is a crash, which is a result too."""
    script_type = FILES.get(sample.file) or _GENERATED[sample.file]
    started = time.thread_time()
    try:
        report = validate(sample.text, script_type)
    except Exception as error:
        return Verdict(sample, "crash", (), time.thread_time() - started, f"{type(error).__name__}: {error}")
    return Verdict(sample, _worst(report), report.findings, time.thread_time() - started)


def obfuscate(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Every form of every core case; the plain case's rules are what must be found again."""
    for sample in samples:
        if sample.file == "dangerous_bash" and sample.tier == "core":
            plain = [one.rule_id for one in validate(sample.text, "bash").findings if one.severity != "info"]
            for name, form in FORMS.items():
                hidden = form(sample.text)
                if hidden is not None and plain:
                    row = {"id": f"{sample.row['id']}-{name}", "text": hidden, "rules": plain}
                    yield Sample("obfuscated", "generated", name, row)


def tables(verdicts: list[Verdict]) -> list[Row]:
    """Both thresholds by file, source and tier."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for verdict in verdicts:
        sample = verdict.sample
        groups[sample.file, sample.source, sample.tier].append(verdict.worst)
    return [
        Row(
            group,
            len(found),
            found.count("error"),
            sum(one in ("error", "warning") for one in found),
            sum(one in _ORDER for one in found),
        )
        for group, found in groups.items()
    ]


def speed(verdicts: list[Verdict]) -> dict[str, float]:
    """Texts a second of CPU, and the slow end, from the first and only pass over each distinct text."""
    found: dict[str, float] = {}
    remediation = [v.seconds for v in verdicts if v.sample.tier == "remediation"]
    manifests = [v.seconds for v in verdicts if v.sample.file.startswith("k8s_")]
    for name, times in (("remediation", sorted(remediation)), ("manifests", sorted(manifests))):
        if times:
            found[f"{name}_per_s"] = round(len(times) / sum(times), 1)
            found[f"{name}_p99_ms"] = round(times[int(len(times) * 0.99)] * 1_000, 2)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder of labelled samples, one JSON object a line")
    parser.add_argument("--show", metavar="TARGET", help="print the samples that miss this target")
    parser.add_argument(
        "--tools",
        type=Path,
        default=Path(".tools/peers/bin"),
        help="where the checkers to compare speed with are",
    )
    options = parser.parse_args()
    samples = list(read_samples(options.folder))
    validate("true", "bash")  # the rules are read once a process
    verdicts = [judge(sample) for sample in samples]
    verdicts += [judge(sample) for sample in obfuscate(samples)]
    for row in tables(verdicts):
        share = f"blocked {row.blocked / row.texts:6.1%}  a look {row.looked_at / row.texts:6.1%}"
        print(
            f"{row.texts:6} {share}  any {row.with_info / row.texts:6.1%}  {' | '.join(row.group)}",
            file=sys.stderr,
        )
    rates = speed(verdicts) | speed_ratios(verdicts, options.tools)
    result: dict[str, Any] = {"speed": rates, "crashes": sum(v.worst == "crash" for v in verdicts)}
    missed = 0
    for target in TARGETS:
        measured = target.measure(verdicts)
        if measured is None:
            continue
        result[target.name] = round(measured.share, 4)
        held = target.holds(measured.share)
        missed += not held
        print(
            f"{'met   ' if held else 'MISSED'} {measured.share:7.2%} of {measured.texts:5}  {target}",
            file=sys.stderr,
        )
        if options.show == target.name:
            for verdict in measured.against:
                _show(verdict)
    print(json.dumps(result))
    return 1 if missed or result["crashes"] else 0


def _worst(report: Report) -> str:
    found = {one.severity for one in report.findings}
    return next((severity for severity in _ORDER if severity in found), "none")


def _show(verdict: Verdict) -> None:
    rules = ", ".join(f"{one.rule_id} ({one.severity})" for one in verdict.findings if one.severity != "info")
    text = verdict.sample.text[:300].replace("\n", "⏎")
    print(
        f"  {verdict.sample.row['id']} {verdict.sample.row.get('category')}: {text}\n"
        f"      {rules}{verdict.crash}",
        file=sys.stderr,
    )


if __name__ == "__main__":
    sys.exit(main())
