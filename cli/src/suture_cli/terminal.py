"""What is shown on the terminal; the texts shown come from findings and models and are not trusted."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    "succeeded": "green",
    "already_remediated": "green",
    "no_action": "green",
    "awaiting_target": "yellow",
    "awaiting_rehearsal": "yellow",
    "awaiting_approval": "yellow",
    "generation_failed": "red",
    "rejected": "red",
    "denied": "red",
    "expired": "red",
    "not_applied": "red",
    "rolled_back": "magenta",
    "rollback_failed": "red",
    "unknown": "red",
}


def plain(text: object, *, lines: bool = False) -> str:
    """``text`` without control characters (a terminal would obey them); line ends stay where ``lines``."""
    kept = "\n\t" if lines else ""
    return "".join(
        character if character.isprintable() or character in kept else _visible(character)
        for character in str(text)
    )


def console(*, stderr: bool = False) -> Console:
    """Rich, imported only by the commands that draw; it wraps nothing when the output is not a terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else 160
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def print_json(document: object) -> None:
    """One line of JSON on stdout."""
    click.echo(json.dumps(document, default=str))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    whole: Sequence[str] = ("ID",),
    state: str | None = None,
) -> None:
    """A table without borders. The columns named in ``whole`` are never cut, ``state`` is coloured."""
    from rich.table import Table
    from rich.text import Text

    texts = [[plain("-" if value is None else value) for value in row] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        widest = max((len(row[number]) for row in texts), default=0) if column in whole else None
        table.add_column(column, no_wrap=True, overflow="ellipsis", min_width=widest)
    for row in texts:
        styles = [
            STYLES.get(cell, "") if column == state else "" for column, cell in zip(columns, row, strict=True)
        ]
        table.add_row(*(Text(cell, style=style) for cell, style in zip(row, styles, strict=True)))
    console().print(table)


def clock(at: object) -> str:
    """The local time of day of an ISO timestamp; the text itself where it is none."""
    try:
        return datetime.fromisoformat(str(at)).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return str(at)


def part(document: Mapping[str, Any], *keys: str) -> Any:
    """``document[a][b]…``, or None where a step is missing."""
    found: Any = document
    for key in keys:
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def _visible(character: str) -> str:
    return " " if character in "\n\r\t" else f"\\x{ord(character):02x}"
