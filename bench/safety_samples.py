"""The labelled samples that the safety analysis is measured over."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.safety_targets import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suture_safety.text_types import TextType

FILES: dict[str, TextType] = {
    "dangerous_bash": "bash",
    "benign_bash": "bash",
    "benign_ansible": "ansible",
    "k8s_fail": "kubernetes",
    "k8s_pass": "kubernetes",
    "sql_bad": "sql",
    "sql_ok": "sql",
    "python_bad": "python",
}


def read_samples(folder: Path) -> Iterator[Sample]:
    """The folder's known files, line by line, and the standard library's own modules."""
    for name in FILES:
        path = folder / f"{name}.jsonl"
        if not path.exists():
            print(f"no {path.name}: its targets are not measured", file=sys.stderr)
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            yield Sample(
                name, str(row.get("source", "")), str(row.get("tier") or row.get("level") or ""), row
            )
    for module in sorted(Path(json.__file__).parents[1].glob("*.py")):
        text = module.read_text(encoding="utf-8", errors="replace")
        yield Sample("python_standard", "python", "", {"id": module.name, "text": text})
