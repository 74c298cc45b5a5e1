"""Edits of YAML, TOML and JSON by path: comments, order and quoting of everything else stay."""

from __future__ import annotations

import io
import json

from suture_sandbox.config_patch.lines import Impossible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def edit(text: str, kind: str, changes: dict[str, Any], removed: list[str]) -> str:
    """Set and remove paths such as ``server.ports[0].name``. Raises ``Impossible``."""
    try:
        if kind == "yaml":
            return _yaml(text, changes, removed)
        if kind == "toml":
            import tomlkit

            document: Any = tomlkit.parse(text)
            _change(document, changes, removed)
            return tomlkit.dumps(document)
        document = json.loads(text) if text.strip() else {}
        _change(document, changes, removed)
        return json.dumps(document, indent=_indent(text), ensure_ascii=False) + "\n"
    except Impossible:
        raise
    except Exception as error:  # each parser has errors of its own, and none of them may pass
        raise Impossible(f"no {kind}: {str(error)[:300]}") from None


def _yaml(text: str, changes: dict[str, Any], removed: list[str]) -> str:
    from ruamel.yaml import YAML

    reader = YAML(typ="rt", pure=True)
    reader.preserve_quotes = True
    reader.width = 1_000_000
    document = reader.load(text)
    document = {} if document is None else document
    _change(document, changes, removed)
    written = io.StringIO()
    reader.dump(document, written)
    return written.getvalue()


def _change(document: Any, changes: dict[str, Any], removed: list[str]) -> None:
    for path, value in changes.items():
        *above, last = steps(path)
        node = document
        for step in above:
            node = _below(node, step, path)
        _checked(node, last, path)
        node[last] = value
    for path in removed:
        *above, last = steps(path)
        node = document
        try:
            for step in above:
                node = node[step]
            del node[last]
        except (KeyError, IndexError, TypeError):
            continue  # it is not there: that is what was asked for


def _below(node: Any, step: str | int, path: str) -> Any:
    _checked(node, step, path)
    if isinstance(step, str) and step not in node:
        node[step] = {}
    return node[step]


def _checked(node: Any, step: str | int, path: str) -> None:
    if isinstance(step, int):
        if not isinstance(node, list) or step >= len(node):
            raise Impossible(f"{path}: there is no item {step}")
    elif not hasattr(node, "keys"):
        raise Impossible(f"{path}: {step!r} lies in what is no mapping")


def steps(path: str) -> list[str | int]:
    """``a."b.c"[0]`` as ``a``, ``b.c``, 0. Raises ``Impossible``."""
    words: list[str] = []
    word, quoted = "", False
    for letter in path:
        if letter == '"':
            quoted = not quoted
        elif letter in ".[" and not quoted:
            words.append(word)
            word = letter.strip(".")
        else:
            word += letter
    words.append(word)
    found = [int(one[1:-1]) if one[:1] == "[" and one[1:-1].isdigit() else one for one in words]
    if quoted or "" in found:
        raise Impossible(f"{path!r}: is no path; write a.b[0].c, and names with dots in quotes")
    return found


def _indent(text: str) -> int:
    for line in text.split("\n")[1:]:
        if line.strip():
            return max(1, min(8, len(line) - len(line.lstrip(" "))))
    return 2
