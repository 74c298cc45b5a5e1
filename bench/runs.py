"""``make bench-runs``: many runs queued on few targets, and the executor's memory over a thousand.

Everything is real but the sandbox, which only takes its time, and ends a run as failed whose target another
run has. Usage: python -m bench.runs [--runs 1000]. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

import psutil
from pymongo import AsyncMongoClient
from suture_local.broker import Broker

from bench.driver import Driver, driving
from bench.system import DATABASE, System, running

TARGETS = 20
QUEUED = 100
RUN_SECONDS = 0.05
WARM_UP = 300
EACH = 100


async def measure(runs: int, folder: Path) -> dict[str, object]:
    """Seconds until all queued runs have ended, the locks that were left, and megabytes of the executor."""
    broker = Broker()
    await broker.start()
    try:
        async with (
            running(broker, folder, recorded=True, run_seconds=RUN_SECONDS) as system,
            driving(system.stack, folder / "targets", TARGETS) as driver,
        ):
            seconds = await driver.drive(QUEUED, QUEUED)
            locks = await _locks_left(system)
            memory = await _memory(system, driver, runs)
    finally:
        await broker.stop()
    return {
        "queued": QUEUED,
        "targets": TARGETS,
        "queued_s": round(seconds, 2),
        "least_possible_s": round(QUEUED / TARGETS * RUN_SECONDS, 2),
        "locks_left": locks,
        "runs": runs,
        "executor_mb": memory,
        "growth_mb": round(memory[-1] - memory[0], 1),
    }


async def _locks_left(system: System) -> int:
    """How many targets are still locked a second after the last run's end."""
    await asyncio.sleep(1)
    async with AsyncMongoClient[dict[str, object]](system.stack.store_url) as client:
        return await client[DATABASE]["target_locks"].count_documents({})


async def _memory(system: System, driver: Driver, runs: int) -> list[float]:
    """The executor's own memory (unique set size) after each hundred runs, once it has warmed up."""
    executor = psutil.Process(system.pids["executor"])
    await driver.drive(WARM_UP, TARGETS)
    found = [_megabytes(executor)]
    for number in range(0, runs, EACH):
        await driver.drive(min(EACH, runs - number), TARGETS)
        found.append(_megabytes(executor))
        print(f"{number + EACH} runs: {found[-1]} MB", file=sys.stderr)
    return found


def _megabytes(process: psutil.Process) -> float:
    return round(process.memory_full_info().uss / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.runs", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000, help="over which memory is looked at")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="suture-bench-") as folder:
        result = asyncio.run(measure(options.runs, Path(folder)))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
