"""Suture beside other checkers, on the same texts in one run: ``python -m bench.safety_peers FOLDER``.

The others are programs: in the folder that ``--tools`` names, where ``make bench-peers`` puts them, or on the
PATH. A tool that is not there is left out, and that is said. Nothing that is checked is ever run. The table
is Markdown, or JSON lines with ``--json``; ``docs/safety.md`` keeps the last one.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suture_safety import validate

from bench.safety_samples import FILES, read_samples

if TYPE_CHECKING:
    from bench.safety_targets import Sample

LEVELS = ("none", "flagged", "blocked")
_CHUNK = 200
_SECONDS = 600

# What a guard in a shell's prompt or a hook usually looks for.
NAIVE = re.compile(
    r"rm\s+-(?:rf|fr|r\s+-f|f\s+-r)\s+[/~*]|\bmkfs|\bdd\s+.*of=/dev/|>\s*/dev/sd|:\(\)\s*\{.*\};\s*:|"
    r"chmod\s+(?:-R\s+)?777|chown\s+-R\s+\S+\s+/|(?:curl|wget)\b[^|]*\|\s*(?:sudo\s+)?(?:ba|z)?sh|"
    r"\b(?:shutdown|reboot|halt|poweroff)\b|\bkill\s+-9\s+-?1\b|\bkillall\b|/dev/tcp/|\bnc\b.*\s-e|"
    r"base64\s+(?:-d|--decode)|\beval\b|iptables\s+-F|setenforce\s+0|history\s+-c|>\s*/etc/(?:passwd|shadow)|"
    r"\bDROP\s+(?:TABLE|DATABASE)|\bTRUNCATE\b|DELETE\s+FROM\s+\w+\s*;|git\s+push\s+.*--force|"
    r"git\s+reset\s+--hard|terraform\s+destroy|kubectl\s+delete|docker\s+system\s+prune|aws\s+s3\s+rb",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One tool on one set: shares of 1, and texts for each second of CPU that it and its children took."""

    tool: str
    cases: str
    texts: int
    flagged: float
    blocked: float
    per_cpu_second: float


Tool = Callable[[Path, "list[Sample]"], list[str]]
"""Gives each sample's level: ``none``, ``flagged`` (somebody should look) or ``blocked``."""


def sets(samples: list[Sample]) -> dict[str, list[Sample]]:
    """The sets of the table by name; what is to be found first."""
    wanted = {
        "bash: dangerous, core": ("dangerous_bash", "core"),
        "bash: dangerous, extended": ("dangerous_bash", "extended"),
        "bash: real remediation": ("benign_bash", "remediation"),
        "Python: insecure": ("python_bad", None),
        "Python: standard library": ("python_standard", None),
        "SQL: unsafe migrations": ("sql_bad", None),
        "SQL: safe migrations": ("sql_ok", None),
        "Kubernetes: breaks the standards": ("k8s_fail", None),
        "Kubernetes: keeps the standards": ("k8s_pass", None),
    }
    return {
        name: [one for one in samples if one.file == file and tier in (None, one.tier)]
        for name, (file, tier) in wanted.items()
    }


def suture(tools: Path, samples: list[Sample]) -> list[str]:
    found = []
    for sample in samples:
        report = validate(sample.text, FILES.get(sample.file, "python"))
        worst = {one.severity for one in report.findings}
        found.append("blocked" if "error" in worst else "flagged" if "warning" in worst else "none")
    return found


def naive(tools: Path, samples: list[Sample]) -> list[str]:
    return ["blocked" if NAIVE.search(sample.text) else "none" for sample in samples]


def shellcheck(tools: Path, samples: list[Sample]) -> list[str]:
    return _in_files(
        samples,
        ".sh",
        [_program(tools, "shellcheck"), "--norc", "-s", "bash", "-f", "json1"],
        lambda output: ((one["file"], one["level"]) for one in json.loads(output)["comments"]),
        {"error": "blocked", "warning": "flagged"},
    )


def bandit(tools: Path, samples: list[Sample]) -> list[str]:
    return _in_files(
        samples,
        ".py",
        [_program(tools, "bandit"), "-q", "-f", "json"],
        lambda output: ((one["filename"], one["issue_severity"]) for one in json.loads(output)["results"]),
        {"HIGH": "blocked", "MEDIUM": "flagged"},
    )


def squawk(tools: Path, samples: list[Sample]) -> list[str]:
    return _in_files(
        samples,
        ".sql",
        [_program(tools, "squawk"), "--reporter", "json"],
        lambda output: ((one["file"], one["level"]) for one in json.loads(output)),
        {"Error": "blocked", "Warning": "flagged"},
    )


def checkov(tools: Path, samples: list[Sample]) -> list[str]:
    def read(output: str) -> Iterator[tuple[str, str]]:
        found = json.loads(output)
        for one in found if isinstance(found, list) else [found]:
            for check in one.get("results", {}).get("failed_checks", []):
                yield check["file_path"].lstrip("/"), "failed"

    options = [
        "--framework",
        "kubernetes",
        "--compact",
        "--quiet",
        "-o",
        "json",
        "--skip-download",
        "-d",
        ".",
    ]
    return _in_files(
        samples, ".yaml", [_program(tools, "checkov"), *options], read, {"failed": "flagged"}, whole=True
    )


TOOLS: dict[str, tuple[Tool, tuple[str, ...]]] = {
    "Suture": (suture, ("bash", "Python", "SQL", "Kubernetes")),
    "naive patterns": (naive, ("bash", "Python", "SQL", "Kubernetes")),
    "ShellCheck": (shellcheck, ("bash",)),
    "bandit": (bandit, ("Python",)),
    "squawk": (squawk, ("SQL",)),
    "checkov": (checkov, ("Kubernetes",)),
}


def _program(tools: Path, name: str) -> str:
    path = tools / name
    found = str(path.resolve()) if path.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(name)
    return found


def _in_files(
    samples: list[Sample],
    suffix: str,
    command: list[str],
    read: Callable[[str], Iterator[tuple[str, str]]],
    levels: dict[str, str],
    whole: bool = False,
) -> list[str]:
    """Runs a checker over files; ``whole``: it takes their folder."""
    found = ["none"] * len(samples)
    with tempfile.TemporaryDirectory(prefix="suture-peers-") as folder:
        names = [f"{number}{suffix}" for number in range(len(samples))]
        for name, sample in zip(names, samples, strict=True):
            (Path(folder) / name).write_text(sample.text, encoding="utf-8", errors="replace")
        for start in range(0, len(names), len(names) if whole else _CHUNK):
            given = [] if whole else names[start : start + _CHUNK]
            done = subprocess.run(
                [*command, *given], cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
            for file, level in read(done.stdout):
                number = int(Path(file).name.partition(".")[0])
                found[number] = max(found[number], levels.get(level, "none"), key=LEVELS.index)
    return found


def measured(name: str, tool: Tool, cases: str, samples: list[Sample], tools: Path) -> Row:
    before = _cpu()
    found = tool(tools, samples)
    seconds = _cpu() - before
    return Row(
        name,
        cases,
        len(samples),
        round(sum(one != "none" for one in found) / len(found), 4),
        round(found.count("blocked") / len(found), 4),
        round(len(found) / max(seconds, 1e-9), 1),
    )


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def table(rows: list[Row]) -> str:
    head = ["| cases | texts | tool | flagged | blocked | texts a CPU second |", "|---|--:|---|--:|--:|--:|"]
    lines = (
        f"| {row.cases} | {row.texts:,} | {row.tool} | {row.flagged:.1%} | {row.blocked:.1%} "
        f"| {row.per_cpu_second:,.0f} |"
        for row in rows
    )
    return "\n".join((*head, *lines))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.safety_peers", description=__doc__)
    parser.add_argument("folder", type=Path, help="labelled samples, as bench.safety takes them")
    parser.add_argument("--tools", type=Path, default=Path(".tools/peers/bin"), help="where the checkers are")
    parser.add_argument("--json", action="store_true", help="a JSON object a row")
    options = parser.parse_args()
    validate("true", "bash")  # the rules are read once a process
    rows: list[Row] = []
    for cases, samples in sets(list(read_samples(options.folder))).items():
        for name, (tool, languages) in TOOLS.items():
            if samples and cases.partition(":")[0] in languages:
                try:
                    rows.append(measured(name, tool, cases, samples, options.tools))
                except FileNotFoundError as missing:
                    print(f"{name} is not installed ({missing}): left out", file=sys.stderr)
    shown: Any = "\n".join(json.dumps(asdict(row)) for row in rows) if options.json else table(rows)
    print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
