"""Tells what a text is: by its file's name, else by how it begins and what it holds."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suture_safety.text_types import TextType

_BY_SUFFIX: dict[str, TextType] = {
    ".sh": "bash",
    ".bash": "bash",
    ".ksh": "bash",
    ".py": "python",
    ".sql": "sql",
    ".ps1": "powershell",
    ".psm1": "powershell",
    ".psd1": "powershell",
    ".patch": "config",
    ".diff": "config",
    ".conf": "config",
    ".cfg": "config",
    ".ini": "config",
    ".toml": "config",
    ".json": "config",
}
_YAML = (".yaml", ".yml")
_PLAY = re.compile(
    r"^- +(?:hosts|name|block|become|tasks|import_tasks|include_tasks|ansible\.\w+\.\w+)\s*:", re.M
)
_OBJECT = re.compile(r"""^["']?(?:apiVersion|kind)["']?\s*:""", re.M)
_SQL = re.compile(
    r"(?is)\A(?:\s|--[^\n]*\n|/\*.*?\*/)*(?:select|insert\s+into|update\s+\S+\s+set|delete\s+from|create\s+"
    r"(?:unique\s+)?(?:or\s+replace\s+)?(?:table|index|view|function|role|user|schema|extension|type|trigger|"
    r"database|sequence|policy)|alter\s+(?:table|role|type|index|database|system|user|schema)|drop\s+(?:table|"
    r"index|view|role|schema|database|column|user|type)|truncate\s+(?:table\s+)?\w+\s*(?:;|,|cascade|\Z)|"
    r"grant\s+.+\bto\b|revoke\s+.+\bfrom\b|begin\s*;|start\s+transaction|vacuum\b|reindex\b|with\s+\w+\s+as\s*\()"
)
_POWERSHELL = re.compile(
    r"(?im)^[^\S\n]*(?:\$\w+\s*=\s*(?:New-Object|Get-|\[)|(?:Get|Set|New|Remove|Invoke|Start|Stop|Write|Import|Add|Test|"
    r"Out|Clear|Disable|Enable)-[A-Z]\w+|param\s*\(|function\s+\w+-\w+)"
)
_PYTHON = re.compile(r"(?m)^(?:import \w+|from [\w.]+ import |def \w+\(.*\).*:\s*$|class \w+.*:\s*$)")
_DIFF = re.compile(r"(?m)^(?:--- \S.*\n\+\+\+ \S|diff --git )")
_SHEBANGS: tuple[tuple[str, TextType], ...] = (
    ("python", "python"),
    ("pwsh", "powershell"),
    ("psql", "sql"),
    ("ansible", "ansible"),
    ("sh", "bash"),
)


def detect(name: str, text: str) -> TextType | None:
    """The type of a text whose file is ``name`` (``-`` where it has none); ``None`` where nothing tells."""
    suffix = PurePath(name).suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    beginning = text[:20_000].lstrip("\ufeff")
    if suffix in _YAML:
        return _yaml(beginning) or "kubernetes"
    if beginning.startswith("#!"):
        first = beginning.partition("\n")[0]
        return next((kind for word, kind in _SHEBANGS if word in first), None)
    return _by_content(beginning)


def _yaml(text: str) -> TextType | None:
    if _OBJECT.search(text):
        return "kubernetes"
    return "ansible" if _PLAY.search(text) else None


def _by_content(text: str) -> TextType | None:
    if _DIFF.search(text):
        return "config"
    if (kind := _yaml(text)) is not None:
        return kind
    if _SQL.match(text):
        return "sql"
    if _PYTHON.search(text):
        return "python"
    return "powershell" if _POWERSHELL.search(text) else None
