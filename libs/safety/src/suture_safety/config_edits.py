"""Configuration patches in the form of edits: which files, and the lines that their settings come to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector

_MOST_DEPTH = 20
Place = tuple[int, int]


def edits_of(text: str) -> list[dict[str, Any]]:
    """The edits of ``{"edits": [{"path", "set", "add_lines", …}]}``; none where it is something else."""
    if not text.lstrip().startswith("{"):
        return []
    try:
        edits = json.loads(text).get("edits")
    except (ValueError, RecursionError):
        return []
    return [edit for edit in edits if isinstance(edit, dict)] if isinstance(edits, list) else []


def note_writes(text: str, edits: list[dict[str, Any]], collector: Collector, budget: Budget) -> None:
    """Notes which files are changed. Raises ``BoundExceeded``."""
    found = _Places(text, budget)
    for edit in edits:
        path = edit.get("path")
        if isinstance(path, str):
            collector.effects.write(path, found.of(path))


def lines_of(text: str, edits: list[dict[str, Any]], budget: Budget) -> Iterator[tuple[Place, str]]:
    """Every line that the edits add, and every setting as each format would spell it, with its place.

    Raises ``BoundExceeded``.
    """
    found = _Places(text, budget)
    for edit in edits:
        found.of(str(edit.get("path", "")))
        for line in _listed(edit.get("add_lines")):
            yield found.of(line), line[:2_000]
        settings = edit.get("set")
        for name, value in settings.items() if isinstance(settings, dict) else ():
            place = found.of(name)
            for full, plain in _plain(name, value, _MOST_DEPTH):
                for spelled in {full, _last_part(full)}:
                    for between, end in ((" ", ""), (" = ", ""), (": ", ""), (" ", ";")):
                        yield place, f"{spelled}{between}{plain}{end}"[:2_000]


def _plain(name: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Each setting in a value that may hold others, as (name, value)."""
    if isinstance(value, dict) and depth:
        for key, inner in value.items():
            yield from _plain(f"{name}.{key}", inner, depth - 1)
    elif isinstance(value, list) and depth:
        for inner in value:
            yield from _plain(name, inner, depth - 1)
    elif isinstance(value, bool):
        yield name, str(value).lower()
    else:
        yield name, str(value)


def _last_part(name: str) -> str:
    return name.rsplit(".", 1)[-1].strip("\"'")


def _listed(value: Any) -> list[str]:
    return [line for line in value if isinstance(line, str)] if isinstance(value, list) else []


class _Places:
    """Where texts stand in the patch, each looked for behind the one before; else at its beginning."""

    def __init__(self, text: str, budget: Budget) -> None:
        self._text = text
        self._budget = budget
        self._behind = 0
        self._line, self._line_start = 1, 0

    def of(self, value: str) -> Place:
        self._budget.step()
        for written in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
            start = self._text.find(written, self._behind)
            if start >= 0:
                lines = self._text.count("\n", self._behind, start)
                if lines:
                    self._line += lines
                    self._line_start = self._text.rfind("\n", self._behind, start) + 1
                self._behind = start + len(written)
                return self._line, start - self._line_start + 1
        return 1, 1
