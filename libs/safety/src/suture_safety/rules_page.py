"""The rules as a page of the docs: ``make rules-page`` writes it from the catalogue."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING

from suture_safety.catalogue import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from suture_safety.catalogue import Description

_HEAD = """# Rules

What the safety analysis finds. This page is written by `make rules-page` from the rules' data; \
`suture validate --explain RULE` says the same of one rule.

An `error` blocks a script, a `warning` lowers its score and asks for a review, an `info` teaches.
"""


def rules_page() -> str:
    """The page, Markdown; families and rules in the order of their ids."""
    parts = [_HEAD]
    for family, rules in groupby(catalogue().values(), key=lambda rule: rule.id.partition(".")[0]):
        parts.append(f"## {family}\n")
        parts += ["\n".join(_rule(rule)) for rule in rules]
    return "\n".join(parts)


def _rule(rule: Description) -> Iterator[str]:
    yield f"### {rule.id}\n"
    yield f"{rule.severity}, {rule.language}. {_plain(rule.why)}\n"
    yield f"Instead: {_plain(rule.remedy)}\n"
    for title, examples in (("Fires on", rule.fires), ("Silent on", rule.silent)):
        for example in examples[:1]:
            yield f"{title}:\n\n{_block(example)}\n"
    if rule.reference:
        yield f"Reference: <{rule.reference}>\n"


def _plain(text: str) -> str:
    """Prose as it is, whatever in it Markdown would take for markup."""
    return "".join(f"\\{letter}" if letter in "\\`*_<>[]|" else letter for letter in text)


def _block(text: str) -> str:
    """Indented: an example may hold a fence of its own."""
    return "\n".join(f"    {line}".rstrip() for line in text.rstrip("\n").split("\n"))


if __name__ == "__main__":
    sys.stdout.write(rules_page())
