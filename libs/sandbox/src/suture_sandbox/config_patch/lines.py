"""Edits of line-based formats: every line that is not named stays as it is, comments and order included."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Impossible(Exception):
    """An edit does not fit the file; the argument says why."""


class Format:
    """How one format writes ``name`` and ``value``: what separates them, what begins a comment or a block."""

    def __init__(
        self, pattern: str, template: str, sections: bool = False, ends_at: str = "", case: bool = True
    ) -> None:
        self.pattern = pattern
        self.template = template
        self.sections = sections
        self.ends_at = re.compile(ends_at) if ends_at else None
        self.flags = 0 if case else re.IGNORECASE


FORMATS = {
    "keyvalue": Format(r"\s*(?:export\s+)?{name}\s*=", "{name}={value}"),
    "sysctl": Format(r"\s*-?{name}\s*=", "{name} = {value}"),
    # The first value counts, and a Match block ends what is global.
    "sshd": Format(r"\s*{name}(?:\s+|\s*=)", "{name} {value}", ends_at=r"(?i)\s*match\s", case=False),
    "ini": Format(r"\s*{name}\s*[=:]", "{name} = {value}", sections=True),
    "systemd": Format(r"{name}\s*=", "{name}={value}", sections=True),
}
_SECTION = re.compile(r"\s*\[([^\]]+)\]\s*(?:[#;].*)?$")


def edit(text: str, kind: str, changes: dict[str, Any], removed: list[str]) -> str:
    """Set and remove names; in formats with sections a name is ``section.name``. Raises ``Impossible``."""
    lines = text.split("\n")
    for name, value in changes.items():
        shown = _shown(name, value)
        lines = _set(lines, FORMATS[kind], name, shown)
    for name in removed:
        lines = _removed(lines, FORMATS[kind], name)
    return "\n".join(lines)


def _shown(name: str, value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\n" in text or "\r" in text or "\n" in name:
        raise Impossible(f"{name}: a value is one line")
    return text


def _place(lines: list[str], form: Format, name: str) -> tuple[range, str, str]:
    """Where the name belongs, its section, and the name alone."""
    section, dot, key = name.rpartition(".") if form.sections else ("", "", name)
    if form.sections and not dot:
        raise Impossible(f"{name}: name it as section.name")
    if not form.sections:
        ends = (at for at, line in enumerate(lines) if form.ends_at and form.ends_at.match(line))
        end = next(ends, len(lines))
        return range(end), "", key
    start = next((at for at, line in enumerate(lines) if _is_section(line, section)), None)
    if start is None:
        return range(0), section, key
    end = next((at for at in range(start + 1, len(lines)) if _SECTION.match(lines[at])), len(lines))
    return range(start + 1, end), section, key


def _is_section(line: str, section: str) -> bool:
    found = _SECTION.match(line)
    return bool(found and found.group(1).strip() == section)


def _found(lines: list[str], form: Format, where: range, key: str) -> list[int]:
    pattern = re.compile(form.pattern.replace("{name}", re.escape(key)), form.flags)
    return [at for at in where if pattern.match(lines[at])]


def _set(lines: list[str], form: Format, name: str, value: str) -> list[str]:
    where, section, key = _place(lines, form, name)
    line = form.template.format(name=key, value=value)
    found = _found(lines, form, where, key)
    if found:
        # One line says it; what repeated it is taken out, so that nothing after it counts instead.
        return [line if at == found[0] else old for at, old in enumerate(lines) if at not in found[1:]]
    if section and len(where) == 0 and not any(_is_section(old, section) for old in lines):
        gap = [""] if lines and lines[-1] == "" else []
        body = lines[: len(lines) - len(gap)]
        return [*body, *([""] if body and body[-1] else []), f"[{section}]", line, *(gap or [""])]
    at = where.stop
    while at > where.start and not lines[at - 1].strip():
        at -= 1
    return [*lines[:at], line, *lines[at:]]


def _removed(lines: list[str], form: Format, name: str) -> list[str]:
    where, _, key = _place(lines, form, name)
    found = _found(lines, form, where, key)
    return [line for at, line in enumerate(lines) if at not in found]


def present(text: str, wanted: list[str], unwanted: list[str]) -> str:
    """Whole lines that must be there, at the end where they are not, and lines that must not."""
    lines = [line for line in text.split("\n") if line not in unwanted]
    ends = bool(lines) and lines[-1] == ""
    body = lines[:-1] if ends else lines
    body += [line for line in wanted if line not in body]
    return "\n".join([*body, ""])
