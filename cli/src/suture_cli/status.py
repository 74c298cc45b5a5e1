"""The live status of a system in the foreground."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from suture_cli.terminal import console

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table
    from suture_local.stack import Stack


class Status:
    """A table of everything that runs, drawn anew twice a second; nothing where stdout is no terminal."""

    def __init__(self) -> None:
        self._stack: Stack | None = None
        self._began = time.monotonic()
        self._live: Live | None = None

    def show(self, stack: Stack) -> None:
        self._stack = stack

    @contextmanager
    def live(self) -> Iterator[None]:
        if not console(stderr=True).is_terminal:
            yield
            return
        self._draw()
        try:
            yield
        finally:
            self._wipe()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Takes the table away while something else is printed; it is drawn anew below that."""
        drawn = self._live is not None
        self._wipe()
        try:
            yield
        finally:
            if drawn:
                self._draw()

    def _draw(self) -> None:
        from rich.live import Live

        # A new one each time: one that goes on would take its old height away from what stands above it.
        out = console(stderr=True)
        self._live = Live(console=out, get_renderable=self._table, refresh_per_second=2, transient=True)
        self._live.start()

    def _wipe(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _table(self) -> Table:
        from rich.table import Table

        uptime = time.strftime("%H:%M:%S", time.gmtime(time.monotonic() - self._began))
        table = Table(box=None, pad_edge=False, header_style="bold", caption=f"{uptime}  Ctrl-C ends it")
        for column in ("process", "pid", "state", "restarts"):
            table.add_column(column)
        for row in self._rows():
            table.add_row(*row)
        return table

    def _rows(self) -> list[tuple[str, str, str, str]]:
        stack = self._stack
        if stack is None:
            return [("broker, store and services", "", "starting", "")]
        servers = [(name, server) for name, server in (("broker", stack.broker), ("store", stack.store))]
        rows = [(n, str(s.pid), _word(s.running), "") for n, s in servers if s is not None]
        services = stack.services.values()
        return rows + [(s.name, str(s.pid), _word(s.running), str(s.restarts)) for s in services]


def _word(running: bool) -> str:
    return "running" if running else "down"
