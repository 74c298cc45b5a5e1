"""Edits of nginx's configuration by path: what is not named stays where it is, comments included.

``http.server[1].listen`` is a directive in a block; a block with arguments is named by its whole head, as in
``http.server."location /api".proxy_pass``. Blocks are not made: for those there are diffs.
"""

from __future__ import annotations

import re

from suture_sandbox.config_patch.lines import Impossible
from suture_sandbox.config_patch.structured import steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\\.|\$\{|[^\s;{}"'#\\])(?:\\.|\$\{|[^\s;{\\])*""",
    re.S,
)
_DEEPEST = 20


class Directive:
    """``words`` are its name and arguments; ``inner`` is what its block holds, ``None`` without a block.

    ``start`` and ``end`` are its place in the text, ``close`` that of its block's last brace.
    """

    def __init__(self, words: list[str], start: int) -> None:
        self.words = words
        self.start = start
        self.end = start
        self.close = start
        self.inner: list[Directive] | None = None

    def named(self, name: str) -> bool:
        return name in (self.words[0], " ".join(self.words))


def parsed(text: str) -> list[Directive]:
    """The text's directives. Raises ``Impossible`` with the line that is none."""
    found: list[Directive] = []
    open_blocks: list[Directive] = []
    current: Directive | None = None
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise Impossible(f"{_line(text, at)}: a quote or an escape does not end")
        word = token[0]
        holder = open_blocks[-1].inner if open_blocks else found
        assert holder is not None  # noqa: S101  (a block that is open has a list)
        if word.isspace() or word.startswith("#"):
            pass
        elif word == "}":
            if current is not None or not open_blocks:
                raise Impossible(
                    f"{_line(text, at)}: a block ends that did not begin, or without a semicolon"
                )
            open_blocks[-1].close, open_blocks[-1].end = at, token.end()
            open_blocks.pop()
        elif word in (";", "{"):
            if current is None:
                raise Impossible(f"{_line(text, at)}: {word!r} follows nothing")
            holder.append(current)
            current.end = token.end()
            if word == "{":
                _open(current, open_blocks, _line(text, at))
            current = None
        elif current is None:
            current = Directive([word], at)
        else:
            current.words.append(word)
        at = token.end()
    if current is not None or open_blocks:
        raise Impossible("its end: a directive or a block does not end")
    return found


def _open(block: Directive, open_blocks: list[Directive], where: str) -> None:
    if block.words[0].endswith("_by_lua_block"):
        raise Impossible(f"{where}: holds Lua, which is not read here; use a diff")
    if len(open_blocks) >= _DEEPEST:
        raise Impossible(f"{where}: more than {_DEEPEST} blocks in each other")
    block.inner = []
    open_blocks.append(block)


def edit(text: str, changes: dict[str, Any], removed: list[str]) -> str:
    """Set and remove directives; a list as value repeats the directive. Raises ``Impossible``."""
    for path, value in changes.items():
        text = _set(text, path, value)
    for path in removed:
        _, found = _placed(text, path)
        for one in reversed(found):
            text = _without(text, one)
    return text


def _set(text: str, path: str, value: Any) -> str:
    block, found = _placed(text, path)
    name = next(step for step in reversed(steps(path)) if isinstance(step, str))
    wanted = [_written(name, one) for one in (value if isinstance(value, list) else [value])]
    if any(one.inner is not None for one in found):
        raise Impossible(f"{path}: is a block; name a directive in it, or use a diff")
    if found:
        for one in reversed(found[1:]):
            text = _without(text, one)
        first = found[0]
        return text[: first.start] + f"\n{_indent(text, first.start)}".join(wanted) + text[first.end :]
    if block is None:
        return text.rstrip("\n") + "\n" * bool(text.strip()) + "\n".join(wanted) + "\n"
    near = block.inner[-1].start if block.inner else -1
    indent = _indent(text, near) if near >= 0 else _indent(text, block.start) + "    "
    start = text.rfind("\n", 0, block.close) + 1
    if text[start : block.close].strip():  # the block ends on a line with something else
        inserted = " ".join(wanted) + " "
        return text[: block.close] + inserted + text[block.close :]
    return text[:start] + "".join(f"{indent}{one}\n" for one in wanted) + text[start:]


def _written(name: str, value: Any) -> str:
    """One directive, held to be one: no value can end it and begin another."""
    shown = ("on" if value else "off") if isinstance(value, bool) else str(value)
    text = f"{name} {shown};"
    found = parsed(text)
    if len(found) != 1 or found[0].end != len(text) or found[0].inner is not None or "\n" in text:
        raise Impossible(f"{name}: {shown[:80]!r} is not the arguments of one directive; quote it")
    return text


def _placed(text: str, path: str) -> tuple[Directive | None, list[Directive]]:
    """The block that a path leads into, and the directives there that have its last name."""
    block: Directive | None = None
    inside = parsed(text)
    words = steps(path)
    at = 0
    while at < len(words):
        name = words[at]
        number = words[at + 1] if at + 1 < len(words) and isinstance(words[at + 1], int) else None
        at += 1 if number is None else 2
        found = [one for one in inside if one.named(str(name))]
        if isinstance(number, int):
            if number >= len(found):
                raise Impossible(f"{path}: there are {len(found)} of {name!r}")
            found = [found[number]]
        if at >= len(words):
            return block, found
        blocks = [one for one in found if one.inner is not None]
        if len(blocks) != 1:
            raise Impossible(f"{path}: there are {len(blocks)} blocks {name!r}; say which by [0], [1], …")
        block = blocks[0]
        inside = block.inner or []
    raise Impossible(f"{path}: names nothing")


def _without(text: str, one: Directive) -> str:
    start, end = one.start, one.end
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    last = len(text) if last < 0 else last + 1
    if not text[first:start].strip() and not text[end:last].strip():
        start, end = first, last
    return text[:start] + text[end:]


def _indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _line(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1}"
