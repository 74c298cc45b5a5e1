"""Configuration patches: parsed by their shape, and searched for security that they loosen."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from suture_safety.config_edits import edits_of, lines_of, note_writes
from suture_safety.images import references
from suture_safety.rulebook import data
from suture_safety.yaml_reader import BrokenYaml, read_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suture_contracts.report import Level

    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector

_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@", re.MULTILINE)
_DIFF = re.compile(r"^(?:diff --git |--- \S|\*\*\* )", re.MULTILINE)
_BLANKS = re.compile(r"[ \t\r\f\v]+")
_SECRET = re.compile(
    r"(?i)\b(?:password|passwd|secret|api[_-]?key|token)\b\s*[:=]\s*['\"]?[^\s'\"${<*%]{6,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


@cache
def _loosened() -> tuple[tuple[re.Pattern[str], str, Level], ...]:
    return tuple(
        (re.compile(entry["pattern"]), entry["message"], entry.get("in_scripts", "warning"))
        for entry in data("config.yaml")["loosened"]
    )


@lru_cache(1_024)  # the same few lines are written again and again
def loosened(line: str) -> tuple[tuple[str, Level], ...]:
    """What one line of a configuration file loosens, and how bad that is in a script that writes it."""
    plain = _BLANKS.sub(" ", line)  # long runs of blanks would make some patterns slow
    return tuple((what, severity) for pattern, what, severity in _loosened() if pattern.search(plain))


def analyse_config(text: str, collector: Collector, budget: Budget) -> None:
    """Parses the text by its shape; every line that it adds is judged. Raises ``BoundExceeded``."""
    is_diff = bool(_DIFF.search(text)) and bool(_HUNK.search(text))
    if is_diff:
        _check_diff(text, collector)
    else:
        _parse(text, collector, budget)
    edits = [] if is_diff else edits_of(text)
    note_writes(text, edits, collector, budget)
    added = list(lines_of(text, edits, budget) if edits else _added(text, is_diff))
    for image, number in references("\n".join(line for _, line in added)):
        collector.effects.image(image, added[number - 1][0])
    for place, line in added:
        budget.step()
        for what, _ in loosened(line):
            collector.add("config.loosened", "warning", what, "Keep the stricter setting.", place)
        if _SECRET.search(line):
            collector.add(
                "config.secret",
                "info",
                "carries a secret in plain text",
                "Refer to a secret store.",
                place,
            )


def _added(text: str, is_diff: bool) -> Iterator[tuple[tuple[int, int], str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not is_diff:
            yield (number, 1), line[:2_000]
        elif line.startswith("+") and not line.startswith("+++"):
            yield (number, 1), line[1:2_000]


def _check_diff(text: str, collector: Collector) -> None:
    """The hunks' counts must be right, and no path may leave its root."""
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if line.startswith(("--- ", "+++ ")) and re.search(r"(?:^|/)\.\.(?:/|$)", line[4:].split("\t")[0]):
            collector.add(
                "config.path",
                "error",
                "names a path that leaves its root",
                "Name the file itself.",
                (number, 1),
            )
        elif line.startswith("+++ /") and not line.startswith("+++ /dev/null"):
            collector.effects.write(line[4:].split("\t")[0].rstrip("\r"), (number, 1))
        header = re.match(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", line)
        if header:
            old, new = int(header[1] or 1), int(header[2] or 1)
            _check_hunk(lines, number, old, new, collector)


def _check_hunk(lines: list[str], number: int, old: int, new: int, collector: Collector) -> None:
    seen_old = seen_new = 0
    for line in lines[number:]:
        if seen_old >= old and seen_new >= new:
            break
        if line.startswith("\\"):
            continue
        if not line.startswith((" ", "+", "-")) and line:
            break
        seen_old += not line.startswith("+")
        seen_new += not line.startswith("-")
    if (seen_old, seen_new) != (old, new):
        collector.add(
            "config.syntax",
            "error",
            "has a hunk whose line counts are wrong: it would not apply",
            "Make the diff anew.",
            (number, 1),
        )


def _parse(text: str, collector: Collector, budget: Budget) -> None:
    stripped = text.lstrip()
    if stripped.startswith(("{", "[")) and not re.match(
        r"\[{1,2}[\w.\" -]+\]{1,2}\s*(?:#.*)?$", stripped.split("\n")[0]
    ):
        _parse_json(text, collector)
        return
    if re.search(r"^[ \t]*\[[^\]\n]+\][ \t]*\r?$", text, re.MULTILINE):
        _parse_sections(text, collector)
        return
    if re.search(r"^[\w.-]+\s*:(?:\s|$)", text, re.MULTILINE) and not re.search(
        r"[{};][ \t]*\r?$", text, re.MULTILINE
    ):
        try:
            read_documents(text, budget)
        except BrokenYaml as error:
            where = (error.line, error.column)
            collector.add(
                "config.syntax", "error", f"YAML cannot be read: {error.reason}", "Fix the YAML.", where
            )
        return
    if text.count("{") != text.count("}"):
        collector.add("config.syntax", "error", "has braces that do not match", "Close every brace.")


def _parse_json(text: str, collector: Collector) -> None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        where = (error.lineno, error.colno)
        collector.add("config.syntax", "error", f"JSON cannot be read: {error.msg}", "Fix the JSON.", where)


def _parse_sections(text: str, collector: Collector) -> None:
    """TOML, or else INI as systemd and many others have it: keys may repeat or lack values."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
        try:
            parser.read_string(text)
        except configparser.Error as error:
            line = int(getattr(error, "lineno", 1) or 1)
            reason = str(error).split("\n")[0][:120]
            collector.add("config.syntax", "error", f"cannot be read: {reason}", "Fix the syntax.", (line, 1))
