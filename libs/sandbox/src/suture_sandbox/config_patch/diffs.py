"""Unified diffs, applied where they say and nowhere else: no fuzz, no offset."""

from __future__ import annotations

import re

from suture_sandbox.config_patch.lines import Impossible

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def is_diff(text: str) -> bool:
    return bool(re.search(r"^--- \S", text, re.M) and _HUNK.search(text))


def files(text: str) -> list[tuple[str, str, list[str]]]:
    """Each file's old and new name, and its lines. Raises ``Impossible``."""
    found: list[tuple[str, str, list[str]]] = []
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        if lines[at].startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
            found.append((_name(lines[at]), _name(lines[at + 1]), []))
            at += 2
        elif found:
            found[-1][2].append(lines[at])
            at += 1
        else:
            at += 1
    return found


def _name(line: str) -> str:
    name = line[4:].split("\t")[0].strip()
    if name == "/dev/null":
        return ""
    name = "/" + name[2:].lstrip("/") if name.startswith(("a/", "b/")) else name
    if not name.startswith("/") or ".." in name.split("/"):
        raise Impossible(f"{name}: give the file's absolute path")
    return name


def patched(text: str, hunks: list[str], name: str) -> str:
    """The text after all hunks. Raises ``Impossible`` where one does not fit exactly."""
    old = text.split("\n")
    new: list[str] = []
    used = at = 0
    while at < len(hunks):
        header = _HUNK.match(hunks[at])
        at += 1
        if not header:
            continue
        start, count = int(header[1]), int(header[2] or 1)
        first = start - 1 if count else start
        new += old[used:first]
        used = first
        left, right = count, int(header[4] or 1)
        while at < len(hunks) and (left > 0 or right > 0 or hunks[at].startswith("\\")):
            line, at = hunks[at], at + 1
            mark, body = line[:1] or " ", line[1:]
            if mark == "\\":
                continue
            if mark in " -":
                if used >= len(old) or old[used] != body:
                    found = repr(old[used]) if used < len(old) else "its end"
                    raise Impossible(f"{name} line {used + 1}: the diff says {body!r}, the file has {found}")
                used, left = used + 1, left - 1
            if mark in " +":
                new.append(body)
                right -= 1
    return "\n".join([*new, *old[used:]])
