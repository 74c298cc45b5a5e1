"""``suture up`` and ``suture down``: the whole system on this machine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from suture_cli.failures import CommandFailed, Unreachable
from suture_cli.terminal import print_json

if TYPE_CHECKING:
    from suture_local.stack import Stack

_FOLDER = Path(".suture")
_START_SECONDS = 180
_STOP_SECONDS = 90
_POLL_SECONDS = 0.1


@click.command()
@click.option("--detach", is_flag=True, help="Return once it runs; 'suture down' ends it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout once it runs.")
def up(detach: bool, as_json: bool) -> None:
    """Start broker, store and services on free loopback ports, and keep them running.

    Where everything is, and the API's keys, are in .suture/run.json. Keys and data stay in .suture.
    """
    from suture_local.locks import FolderInUse
    from suture_local.processes import StartError

    folder = _FOLDER.absolute()
    try:
        if detach:
            _announce(_start_behind(folder), as_json)
        else:
            asyncio.run(_run_here(folder, as_json))
    except FolderInUse as held:
        raise CommandFailed(
            f"it runs already, as process {held.pid}", remedy="'suture down' ends it"
        ) from None
    except StartError as error:
        raise Unreachable(str(error), remedy=f"the logs are in {folder / 'log'}") from None


@click.command()
def down() -> None:
    """End what 'suture up' started in this folder, and nothing else."""
    from suture_local.locks import holder_of

    folder = _nearest(Path.cwd())
    lock = folder / "lock"
    if not lock.exists() or (pid := holder_of(lock)) is None:
        # A supervisor that was killed could not take its keys and addresses away.
        (folder / "run.json").unlink(missing_ok=True)
        click.echo("nothing runs here", err=True)
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while holder_of(lock) == pid:
        if time.monotonic() > deadline:
            # Its children end with it.
            os.kill(pid, signal.SIGKILL)
            raise CommandFailed(f"process {pid} did not end within {_STOP_SECONDS} s and was killed")
        time.sleep(_POLL_SECONDS)
    click.echo("stopped", err=True)


async def _run_here(folder: Path, as_json: bool) -> None:
    from suture_cli.status import Status
    from suture_cli.supervisor import Supervisor, describe, run_until_signal

    pids: dict[str, int] = {}
    status = Status()

    def show(stack: Stack) -> None:
        status.show(stack)
        with status.aside():
            if not pids:
                _announce(describe(stack), as_json)
            for name, service in stack.services.items():
                if pids.setdefault(name, service.pid) != service.pid:
                    click.echo(f"{name} ended and runs again as process {service.pid}", err=True)
                    pids[name] = service.pid

    click.echo("starting broker, store and services; Ctrl-C ends them", err=True)
    with status.live():
        await run_until_signal(Supervisor(folder, on_change=show))
    click.echo("stopped", err=True)


def _start_behind(folder: Path) -> dict[str, Any]:
    """Leaves a supervisor running; returns what its ``run.json`` says."""
    from suture_local.locks import FolderInUse, holder_of
    from suture_local.processes import StartError

    holder = holder_of(folder / "lock")
    if holder is not None:
        raise FolderInUse(folder / "lock", holder)
    run_file = folder / "run.json"
    # One that was killed left its file behind; the new one's is another.
    former = _written_at(run_file)
    log = folder / "log" / "supervisor.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("wb") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "suture_cli.supervisor", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if supervisor.poll() is not None:
            raise StartError(f"it did not start: {_last_lines(log)}")
        if _written_at(run_file) not in (None, former) and (document := _run_document(run_file)):
            return document
        if time.monotonic() > deadline:
            supervisor.terminate()
            raise StartError(f"it did not start within {_START_SECONDS} s")
        time.sleep(_POLL_SECONDS)


def _announce(document: dict[str, Any], as_json: bool) -> None:
    run_file = str(_FOLDER / "run.json")
    if as_json:
        # The keys stay in the file: what is printed may end in a log.
        print_json({"api": document["api"], "services": document["services"], "run_file": run_file})
        return
    click.echo(f"Suture runs: {document['api']}")
    click.echo(f"addresses and keys are in {run_file}", err=True)


def _written_at(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _run_document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])


def _nearest(start: Path) -> Path:
    for folder in (start, *start.parents):
        if (folder / _FOLDER / "lock").exists():
            return folder / _FOLDER
    return start / _FOLDER
