"""What the generator makes of a folder of cases: ``python -m bench.generation FOLDER --json``.

The folder holds ``rca_events.jsonl`` and ``cves.jsonl`` (the repository's own small cases are the default).
The generator sees a row without its answers; the answers are read here alone, afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from suture_generation.batch import BatchGenerator, Generated
from suture_generation.distributions import package_manager_of
from suture_generation.providers import get_llm_client
from suture_generation.rows import ANSWERS
from suture_safety import analyse_document

CASES = Path(__file__).parent / "cases"
# What a change by hand in an editor is when a script does it.
_AS_SCRIPTED = {
    "edit": r"kubectl[^\n]* (patch|set|label|scale)|rollout undo",
    "undo": r"rollout undo",
    "restart": r"rollout restart",
    "delete": r"kubectl[^\n]* delete",
    "annotate": r"kubectl[^\n]* annotate",
    "label": r"kubectl[^\n]* label",
    "scale": r"kubectl[^\n]* scale",
    "patch": r"kubectl[^\n]* patch",
    "set": r"kubectl[^\n]* (set|patch)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=CASES)
    parser.add_argument("--provider", choices=("none", "openai", "anthropic"), default="none")
    parser.add_argument("--model")
    parser.add_argument("--base-url")
    parser.add_argument("--json", action="store_true", help="One line of JSON alone on stdout")
    options = parser.parse_args()
    client = get_llm_client(options.provider, model=options.model, base_url=options.base_url)
    summary = asyncio.run(measure(options.folder, BatchGenerator(client)))
    if options.json:
        print(json.dumps(summary))
        return
    for name, value in summary.items():
        print(f"{name}: {json.dumps(value)}")


async def measure(folder: Path, generator: BatchGenerator) -> dict[str, Any]:
    began = time.perf_counter()
    cves = [(row, await _generated(generator, row)) for row in _rows(folder / "cves.jsonl")]
    incidents = [(row, await _generated(generator, row)) for row in _rows(folder / "rca_events.jsonl")]
    seconds = time.perf_counter() - began
    count = max(1, len(cves) + len(incidents))
    scripts = [made for _, made in cves + incidents if made.document is not None]
    return {
        "cves": _of_cves(cves),
        "incidents": _of_incidents(incidents),
        "scripts": _of_scripts(scripts),
        "ms_each": round(1_000 * seconds / count, 2),
    }


async def _generated(generator: BatchGenerator, row: dict[str, Any]) -> Generated:
    shown = {name: value for name, value in row.items() if not ANSWERS.fullmatch(name)}
    return await generator.generate(shown)


def _of_cves(pairs: list[tuple[dict[str, Any], Generated]]) -> dict[str, Any]:
    fixed = [(row, made) for row, made in pairs if row.get("fixed_version")]
    unfixed = [(row, made) for row, made in pairs if not row.get("fixed_version")]
    wrong = [row["id"] for row, made in fixed if not _is_right(row, made)]
    invented = [row["id"] for row, made in unfixed if made.document is not None and _installs(made)]
    return {
        "with_fix": len(fixed),
        "right": len(fixed) - len(wrong),
        "wrong": wrong,
        "without_fix": len(unfixed),
        "invented": invented,
        "outcomes_without_fix": Counter(made.outcome for _, made in unfixed),
    }


def _is_right(row: dict[str, Any], made: Generated) -> bool:
    manager = row.get("package_manager") or package_manager_of(row.get("distro"), row.get("distro_version"))
    if made.document is None or made.facts.get("package_manager") != manager:
        return False
    given = made.document.parameters
    body = made.document.body
    return (
        given.get("package") == row["package"]
        and given.get("fixed_version") == row["fixed_version"]
        and row["fixed_version"] in body
        and re.search(rf"\b{'apt-get' if manager == 'apt' else manager}\b", body) is not None
    )


def _installs(made: Generated) -> bool:
    assert made.document is not None
    return (
        re.search(r"\b(apt-get|yum|dnf|zypper)\b[^\n]* (install|update|upgrade)", made.document.body)
        is not None
    )


def _of_incidents(pairs: list[tuple[dict[str, Any], Generated]]) -> dict[str, Any]:
    mitigable = [(row, made) for row, made in pairs if row.get("label") == "mitigable"]
    told = [(row, made) for row, made in mitigable if row.get("expected_mitigation")]
    other = [(row, made) for row, made in pairs if row.get("label") != "mitigable"]
    return {
        "mitigable": len(mitigable),
        "script_names_the_object": sum(_names_object(row, made) for row, made in mitigable),
        "with_expected_mitigation": len(told),
        "does_what_is_expected": sum(_does(row["expected_mitigation"], made) for row, made in told),
        "missed": [f"{row['id']}: {made.outcome}" for row, made in mitigable if not _names_object(row, made)],
        "differs": [row["id"] for row, made in told if not _does(row["expected_mitigation"], made)],
        "templates": Counter(made.template for _, made in mitigable),
        "diagnose_only": Counter(made.outcome for _, made in other),
    }


def _names_object(row: dict[str, Any], made: Generated) -> bool:
    objects = [item for item in row.get("affected_system", ()) if item.get("name")]
    if made.document is None:
        return False
    return any(item["name"] in made.document.body for item in objects) or (
        "flag" in made.document.parameters and bool(objects)
    )


def _does(expected: list[Any], made: Generated) -> bool:
    """Every fault's mitigation by one of its alternatives: the outer list is all, the next is any."""
    if made.document is None:
        return False
    return all(any(_has_steps(steps, made.document.body) for steps in fault) for fault in expected)


def _has_steps(steps: list[dict[str, Any]], body: str) -> bool:
    return all(_has_step(step["command"], body) for step in steps if step.get("command"))


def _has_step(command: str, body: str) -> bool:
    words = [word for word in re.sub(r"-n \S+", "", command).split() if not word.startswith("-")]
    verb = next((word for word in words[1:] if word in _AS_SCRIPTED), None)
    if verb is None:
        return True  # It looks, it does not change.
    name = words[-1].rpartition("/")[2] if verb in ("undo", "restart") else None
    if name is None:
        place = words.index(verb) + 2
        name = words[place] if place < len(words) else None
    named = name is None or name in ("deployment",) or re.search(rf"\b{re.escape(name)}\b", body)
    return bool(named) and re.search(_AS_SCRIPTED[verb], body) is not None


def _of_scripts(scripts: list[Generated]) -> dict[str, Any]:
    refused, incomplete, warned = [], [], Counter[str]()
    for made in scripts:
        assert made.document is not None
        report = analyse_document(made.document)
        if not report.is_valid:
            refused.append({made.template or made.id: report.errors[:2]})
        if not all(asdict(report.quality).values()) or not made.document.verify:
            incomplete.append(made.template)
        warned.update(finding.rule_id for finding in report.findings if finding.severity == "warning")
    return {
        "written": len(scripts),
        "refused": refused,
        "incomplete": Counter(incomplete),
        "warnings": warned,
        "by_template": Counter(made.template for made in scripts),
    }


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        print(f"{path} is not there", file=sys.stderr)
        return
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


if __name__ == "__main__":
    main()
