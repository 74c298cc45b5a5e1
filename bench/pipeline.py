"""``make bench-pipeline``: Suture beside a Celery chain of five tasks, on one broker, in alternating rounds.

Ends with one line of JSON: the medians. README.md in this folder says what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path

from suture_contracts.topology import SERVICES
from suture_local.broker import Broker

from bench.load import Load
from bench.measurements import Bench, Figures

STORE = "secantusdb 0.7 (embedded), journal=true"


async def measure(rounds: int, load: Load, folder: Path, profiled: list[str]) -> dict[str, object]:
    """All rounds; returns the medians."""
    broker = Broker()
    await broker.start()
    try:
        bench = Bench(broker, load, folder, profiled)
        measured = [await _one_round(bench, number) for number in range(rounds)]
    finally:
        await broker.stop()
    return summary(measured)


async def _one_round(bench: Bench, number: int) -> Figures:
    parts = [bench.celery, bench.suture, bench.equal_work, bench.sandboxed]
    # Every other round backwards: whatever drifts on the machine hits each alike.
    ordered = parts if number % 2 == 0 else parts[::-1]
    figures: Figures = {}
    for part in ordered:
        figures |= await part()
        tail = ", ".join(f"{name} {value:.1f}" for name, value in figures.items())
        print(f"round {number + 1}: {tail}", file=sys.stderr)
    return figures


def summary(rounds: list[Figures]) -> dict[str, object]:
    """The medians over the rounds. A ratio is the median of each round's own: its noise is shared."""

    def median(name: str) -> float:
        return statistics.median(figures[name] for figures in rounds)

    def ratio(name: str) -> float:
        return statistics.median(figures["suture_per_s"] / figures[name] for figures in rounds)

    return {
        "ratio_to_celery": round(ratio("celery_per_s"), 2),
        "ratio_to_equal_work": round(ratio("equal_work_per_s"), 2),
        "suture_per_s": round(median("suture_per_s"), 1),
        "celery_per_s": round(median("celery_per_s"), 1),
        "sandboxed_per_s": round(median("sandboxed_per_s"), 1),
        "p50_ms_without_sandbox": round(median("p50_ms_without_sandbox"), 1),
        "ready_s": round(median("ready_s"), 2),
        "memory_mb": round(median("memory_mb")),
        "store": STORE,
    }


def main() -> None:
    options = _options()
    load = Load(messages=500 if options.quick else options.messages)
    rounds = 1 if options.quick else options.rounds
    with tempfile.TemporaryDirectory(prefix="suture-bench-") as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = asyncio.run(measure(rounds, load, folder, options.profile))
    print(json.dumps(result))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (default 5)")
    parser.add_argument("--messages", type=int, default=2_000, help="measured remediations (default 2000)")
    parser.add_argument("--quick", action="store_true", help="one round of 500, for development")
    parser.add_argument("--keep", type=Path, help="folder that keeps logs, state and profiles")
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        choices=SERVICES,
        metavar="SERVICE",
        help="run this service under cProfile, into --keep; its figures do not compare then",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
