"""What a run changed, for a person: the difference in text, and the commands that undo it by hand."""

from __future__ import annotations

import os
import stat

from suture_sandbox.runner.output import masked
from suture_sandbox.runner.tree import ABSENT, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from suture_sandbox.runner.tree import Entries, Entry

_MOST_CHARACTERS = 19_000
_MOST_PATHS = 200
_MOST_FILE = 256 << 10
_MOST_LINES = 5_000  # the comparison's time grows with their square


def difference(before: Entries, after: Entries, secrets: list[str]) -> str:
    """A unified difference of all that changed, bounded, without secrets. Never raises."""
    pieces, length = [], 0
    if len(after) > _MOST_PATHS:
        pieces.append(f"# {len(after)} paths changed, of which {_MOST_PATHS} are looked at here\n")
    for path in sorted(after)[:_MOST_PATHS]:
        piece = "".join(_of_path(path, before.get(path, ABSENT), after[path]))
        pieces.append(piece)
        length += len(piece)
        if length > _MOST_CHARACTERS:
            break
    return masked("".join(pieces), secrets)[:_MOST_CHARACTERS]


def undo_by_hand(before: Entries, after: Entries) -> str:
    """Shell commands that bring each changed path back from the snapshot, bounded; empty without a change."""
    lines: list[str] = []
    for path in sorted(after, reverse=True):
        old, new = before.get(path, ABSENT)["kind"], after[path]["kind"]
        if new not in (old, "absent"):
            # The paths below come first, so that a directory is empty but for what others put there since.
            lines.append(f"{'rmdir' if new == 'directory' else 'rm -f'} -- {shell_quoted(path)}")
    for path in sorted(after):
        was = before.get(path, ABSENT)
        if was["kind"] != "absent" and not same(was, after[path]):
            lines += _restored(path, was)
    text = "\n".join(lines)
    if len(text) <= _MOST_CHARACTERS:
        return text
    return text[:_MOST_CHARACTERS].rpartition("\n")[0] + "\n# and more: index.json of the snapshot has all"


def _restored(path: str, old: Entry) -> Iterator[str]:
    owner = f"-o {old.get('uid')} -g {old.get('gid')} -m {stat.S_IMODE(old.get('mode', 0)):04o}"
    if old["kind"] == "file":
        yield f"install -T {owner} -- {shell_quoted(old['blob'])} {shell_quoted(path)}"
    elif old["kind"] == "directory":
        yield f"install -d {owner} -- {shell_quoted(path)}"
    else:
        yield f"ln -sfT -- {shell_quoted(old['target'])} {shell_quoted(path)}"
    if old.get("xattrs"):
        yield f"# {shell_quoted(path)} had extended attributes: {', '.join(sorted(old['xattrs']))}"


def shell_quoted(text: str) -> str:
    """One word for a shell, whatever it holds."""
    return "'" + text.replace("'", "'\\''") + "'"


def _of_path(path: str, old: Entry, new: Entry) -> Iterator[str]:
    if old["kind"] != new["kind"] or "file" not in (old["kind"], new["kind"]):
        yield f"# {path}: {_word(old)} -> {_word(new)}\n"
    elif old["mode"] != new["mode"]:
        yield f"# {path}: mode {old['mode']:o} -> {new['mode']:o}\n"
    left, right = _lines(old), _lines(new)
    if left is None or right is None:
        yield f"# {path}: not text, or too long to show\n"
        return
    import difflib  # here alone: a run without a change of text does not pay for it

    first, second = ("/dev/null" if entry["kind"] == "absent" else path for entry in (old, new))
    for line in difflib.unified_diff(left, right, first, second):
        yield line if line.endswith("\n") else line + "\n"


def _word(entry: Entry) -> str:
    return f"link to {entry['target']}" if entry["kind"] == "link" else str(entry["kind"])


def _lines(entry: Entry) -> list[str] | None:
    if entry["kind"] != "file":
        return []
    if entry["size"] > _MOST_FILE:
        return None
    try:
        fd = os.open(entry["blob"], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            data = file.read(_MOST_FILE)
        lines = data.decode().splitlines(keepends=True)
    except (OSError, UnicodeDecodeError):
        return None
    return None if b"\0" in data or len(lines) > _MOST_LINES else lines
