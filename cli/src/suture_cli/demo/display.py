"""What the demo shows while it runs and at its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import click

from suture_cli.demo.examples import Example
from suture_cli.demo.outcome import Outcome
from suture_cli.terminal import STYLES, console, plain, print_json

if TYPE_CHECKING:
    from rich.table import Table


class Display(Protocol):
    def starting(self) -> None: ...

    def started(self) -> None: ...

    def changed(self, outcome: Outcome) -> None: ...

    def finished(self, outcome: Outcome) -> None: ...

    def stopping(self) -> None: ...


class LinesDisplay:
    """One line a change, for logs; with ``as_json`` those go to stderr and each result to stdout."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._began = time.monotonic()
        self._shown: dict[str, int] = {}

    def starting(self) -> None:
        self._say("starting RabbitMQ, the store and six services")

    def started(self) -> None:
        self._say("the system is ready")

    def changed(self, outcome: Outcome) -> None:
        for state in outcome.states[self._shown.get(outcome.example, 0) :]:
            self._say(f"{outcome.example:24} {state}")
        self._shown[outcome.example] = len(outcome.states)

    def finished(self, outcome: Outcome) -> None:
        if self._as_json:
            print_json(outcome.as_json())

    def stopping(self) -> None:
        self._say("stopping everything")

    def _say(self, text: str) -> None:
        click.echo(f"{time.monotonic() - self._began:6.1f} s  {text}", err=self._as_json)


class LiveDisplay:
    """One line a remediation, which moves through its states."""

    def __init__(self, examples: Sequence[Example]) -> None:
        from rich.live import Live

        self._began = time.monotonic()
        self._outcomes = {
            example.name: Outcome(example.name, example.title, example.expected.outcome)
            for example in examples
        }
        self._phase = ""
        self._live = Live(console=console(), get_renderable=self._table, refresh_per_second=4, transient=True)

    def starting(self) -> None:
        self._phase = "starting RabbitMQ, the store and six services"
        self._live.start()

    def started(self) -> None:
        self._phase = "the system is ready"

    def changed(self, outcome: Outcome) -> None:
        self._outcomes[outcome.example] = outcome

    def finished(self, outcome: Outcome) -> None:
        self._outcomes[outcome.example] = outcome

    def stopping(self) -> None:
        self._phase = "stopping everything"

    def close(self) -> None:
        self._live.stop()

    def _table(self) -> Table:
        title = f"{time.monotonic() - self._began:5.0f} s  {self._phase}"
        return outcome_table(list(self._outcomes.values()), title)


def outcome_table(outcomes: Sequence[Outcome], title: str | None = None) -> Table:
    """Example, states passed, outcome, seconds."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    table.add_column("example", no_wrap=True)
    table.add_column("states passed", overflow="fold")
    table.add_column("outcome", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    for outcome in outcomes:
        shown = outcome.outcome if outcome.states else "-"
        style = STYLES.get(shown, "") if outcome.is_as_expected or shown != outcome.outcome else "red"
        states = " → ".join(outcome.states)
        seconds = f"{outcome.seconds:.1f}" if outcome.states else ""
        table.add_row(outcome.example, Text(plain(states)), Text(plain(shown), style=style), seconds)
    return table


def print_summary(outcomes: Sequence[Outcome]) -> None:
    """What there was to see at each example, then the table."""
    out = console()
    for outcome in outcomes:
        out.print(f"\n{plain(outcome.title)}  ({outcome.remediation_id})")
        for note in outcome.notes:
            out.print(f"  {plain(note)}")
        for difference in outcome.differences:
            out.print(f"  otherwise than expected: {plain(difference)}", style="red")
    out.print()
    out.print(outcome_table(outcomes))
    good = sum(outcome.is_as_expected for outcome in outcomes)
    out.print(f"\n{good} of {len(outcomes)} examples ended as their files say")
