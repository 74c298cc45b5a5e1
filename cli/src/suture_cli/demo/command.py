"""The command ``suture demo``."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from suture_local.processes import StartError

from suture_cli.demo.broken import BrokenServices
from suture_cli.demo.display import LinesDisplay, LiveDisplay, print_summary
from suture_cli.demo.examples import Example, load_examples
from suture_cli.demo.outcome import Outcome
from suture_cli.demo.run import Breaks, run_examples
from suture_cli.demo.workloads import BrokenWorkloads
from suture_cli.failures import BadInput, Unreachable

_REPOSITORY = Path(__file__).resolve().parents[4]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout for each example.")
@click.option(
    "--examples",
    "folder",
    type=click.Path(path_type=Path),
    help="Another folder of examples than the one of this repository.",
)
@click.option(
    "--kubernetes",
    "in_cluster",
    is_flag=True,
    help="Break workloads in the cluster that KUBECONFIG names instead, in a namespace of their own.",
)
@click.option(
    "--image",
    envvar="SUTURE_SANDBOX_IMAGE",
    default="localhost/script:dev",
    show_default=True,
    help="With --kubernetes: what runs and workloads start from; bash, python3 and curl are in it.",
)
def demo(as_json: bool, folder: Path | None, in_cluster: bool, image: str) -> None:
    """Break a real service in six ways and let a whole system fix it; leave nothing behind.

    Starts RabbitMQ, the store and six services of its own. Exits 1 if any example ends otherwise than its
    file says.
    """
    place = folder or _found_examples() / ("kubernetes" if in_cluster else "")
    examples = load_examples(place)

    def breaks(temporary: Path) -> Breaks:
        if in_cluster:
            ceiling = _REPOSITORY / "deploy" / "kubernetes" / "target-namespace.yaml"
            return BrokenWorkloads(examples, image, ceiling)
        return BrokenServices(examples, place / "service" / "server.py", temporary)

    try:
        outcomes = asyncio.run(_run(examples, breaks, as_json))
    except StartError as error:
        raise Unreachable(str(error), remedy="run make setup, then try again") from None
    if not as_json:
        print_summary(outcomes)
    sys.exit(0 if all(outcome.is_as_expected for outcome in outcomes) else 1)


async def _run(examples: Sequence[Example], breaks: Callable[[Path], Breaks], as_json: bool) -> list[Outcome]:
    running = asyncio.current_task()
    if running is not None:
        # What was started is ended on the way out, whatever ends us.
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    if as_json or not sys.stdout.isatty():
        return await run_examples(examples, breaks, LinesDisplay(as_json))
    live = LiveDisplay(examples)
    try:
        return await run_examples(examples, breaks, live)
    finally:
        live.close()


def _found_examples() -> Path:
    for folder in (_REPOSITORY / "examples", Path.cwd() / "examples"):
        if (folder / "service" / "server.py").is_file():
            return folder
    raise BadInput("there is no folder of examples", field="--examples", remedy="run it in the repository")
