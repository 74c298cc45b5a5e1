"""Where it begins: the script's body in, changed files out; anything that does not fit changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import sys

from suture_sandbox.config_patch import checks, diffs, lines, nginx, structured
from suture_sandbox.config_patch.lines import Impossible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST_BYTES = 8 << 20
_STRUCTURED = ("yaml", "json", "toml")
_FIELDS = {"path", "format", "before", "set", "remove", "add_lines", "remove_lines", "create"}


def main(script: str) -> int:
    """The exit code: 0, or 65 where the patch does not fit, with the reason on stderr."""
    with open(script, encoding="utf-8") as file:
        body = file.read()
    try:
        written = _of_diff(body) if diffs.is_diff(body) else _of_edits(body)
        for path, (text, _) in written.items():
            _write(path, text)
        facts = [checks.check(path, kind) for path, (_, kind) in written.items()]
    except (Impossible, OSError) as error:
        print(f"not applied: {error}", file=sys.stderr)  # noqa: T201
        return 65
    for line in (*(f"changed {path}" for path in written), *filter(None, facts)):
        print(line)  # noqa: T201
    return 0


def _of_diff(body: str) -> dict[str, tuple[str | None, str]]:
    written: dict[str, tuple[str | None, str]] = {}
    for old, new, hunks in diffs.files(body):
        if old and new and old != new:
            raise Impossible(f"{old} becomes {new}: a patch changes a file where it is")
        path = new or old
        text = diffs.patched(_read(path) if old else "", hunks, path)
        written[path] = (text if new else None, checks.kind_of(path))
    return written


def _of_edits(body: str) -> dict[str, tuple[str | None, str]]:
    try:
        edits = json.loads(body)["edits"]
    except (ValueError, KeyError, TypeError):
        raise Impossible('is neither a unified diff nor {"edits": [{"path": …, "format": …}]}') from None
    written: dict[str, tuple[str | None, str]] = {}
    for edit in edits:
        unknown = set(edit) - _FIELDS
        if unknown or not isinstance(edit.get("path"), str):
            raise Impossible(f"an edit has path, format and {sorted(_FIELDS)}; not {sorted(unknown)}")
        path = edit["path"]
        kind = edit.get("format") or checks.kind_of(path)
        exists = path in written or os.path.lexists(path)
        if not exists and not edit.get("create"):
            raise Impossible(f"{path}: does not exist; say create if it shall")
        text = (written[path][0] or "") if path in written else _read(path) if exists else ""
        _expect(path, text, exists, edit.get("before"))
        written[path] = (_edited(path, text, kind, edit), kind)
    return written


def _expect(path: str, text: str, exists: bool, before: str | None) -> None:
    word = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest() if exists else "absent"
    if before is not None and word != before:
        raise Impossible(f"{path}: is not as it was when the patch was made: {word}, not {before}")


def _edited(path: str, text: str, kind: str, edit: dict[str, Any]) -> str:
    changes, removed = edit.get("set") or {}, edit.get("remove") or []
    if kind in _STRUCTURED:
        text = structured.edit(text, kind, changes, removed)
    elif kind == "nginx":
        text = nginx.edit(text, changes, removed)
    elif kind in lines.FORMATS:
        text = lines.edit(text, kind, changes, removed)
    elif changes or removed:
        known = sorted((*_STRUCTURED, *lines.FORMATS, "nginx"))
        raise Impossible(f"{path}: the format {kind!r} has no names to set; use a diff, or one of {known}")
    added, dropped = edit.get("add_lines") or [], edit.get("remove_lines") or []
    return lines.present(text, added, dropped) if added or dropped else text


def _read(path: str) -> str:
    if os.path.islink(path):
        raise Impossible(f"{path}: is a symbolic link; name {os.path.realpath(path)}")
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES or b"\0" in data:
        raise Impossible(f"{path}: is no text, or longer than {_MOST_BYTES} bytes")
    return data.decode("utf-8", "surrogateescape")


def _write(path: str, text: str | None) -> None:
    if text is None:
        os.unlink(path)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # In place: the copy keeps its mode; the runner replaces the real file whole.
    with open(path, "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
