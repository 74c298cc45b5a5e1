"""Starts the five Celery workers, drives the chain with a bounded number in flight, ends them by id."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from uuid import uuid4

import psutil

from bench.celery_app import QUEUES, build
from bench.cpu import cpu_told
from bench.load import Load

PATIENCE_SECONDS = 120


def pipelines_per_second(
    broker_url: str, load: Load, servers: Mapping[str, int], store_url: str | None = None
) -> float:
    """Runs the chain once; with ``store_url`` each task does the work of the Suture hop in its place.

    ``servers`` are the ids of the processes whose time is told beside the workers'.
    """
    with tempfile.TemporaryDirectory(prefix="bench-celery-") as folder:
        done = Path(folder) / "done"
        environment = _environment(broker_url, done, store_url)
        with _socket(done) as receiver, _workers(environment, Path(folder)) as workers:
            driver = _Driver(broker_url, receiver)
            # Each worker's first messages are slow (imports, connections): the clock starts after them.
            driver.drive(load.warm_up, load.in_flight)
            with cpu_told({**workers, **servers}, load.messages):
                seconds = driver.drive(load.messages, load.in_flight)
            return load.messages / seconds


class _Driver:
    def __init__(self, broker_url: str, receiver: socket.socket) -> None:
        self._app = build(broker_url)
        self._receiver = receiver

    def drive(self, count: int, in_flight: int) -> float:
        """Sends ``count`` and waits for all of them; returns seconds."""
        waiting: set[str] = set()
        sent = 0
        started = time.perf_counter()
        while sent < count or waiting:
            while sent < count and len(waiting) < in_flight:
                waiting.add(self._send())
                sent += 1
            waiting.discard(self._receive())
        return time.perf_counter() - started

    def _send(self) -> str:
        run_id = str(uuid4())
        self._app.send_task("bench.hop1", (run_id, None), queue=QUEUES[0])
        return run_id

    def _receive(self) -> str:
        try:
            return self._receiver.recv(200).decode()
        except TimeoutError:
            raise RuntimeError(f"no Celery chain ended within {PATIENCE_SECONDS} s") from None


def _environment(broker_url: str, done: Path, store_url: str | None) -> dict[str, str]:
    work = {"BENCH_EQUAL_WORK": "1", "BENCH_STORE_URL": store_url, "BENCH_STORE_DATABASE": "bench_celery"}
    settings = {"BENCH_BROKER_URL": broker_url, "BENCH_DONE_SOCKET": str(done)}
    settings.update({key: value for key, value in work.items() if store_url and value})
    return {**os.environ, **settings, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}


@contextmanager
def _socket(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(PATIENCE_SECONDS)
        yield receiver


@contextmanager
def _workers(environment: dict[str, str], folder: Path) -> Iterator[dict[str, int]]:
    with (folder / "workers.log").open("wb") as log:
        workers = [_worker(queue, environment, log) for queue in QUEUES]
        try:
            yield {queue: worker.pid for queue, worker in zip(QUEUES, workers, strict=True)}
        except Exception:
            print((folder / "workers.log").read_text()[-4_000:], file=sys.stderr)
            raise
        finally:
            _end(workers)


def _worker(queue: str, environment: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    options = ["-Q", queue, "-n", f"{queue}@bench", "-c", "1", "-P", "prefork", "-l", "WARNING"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    command = [sys.executable, "-m", "celery", "-A", "bench.celery_app", "worker", *options, *quiet]
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def _end(workers: list[subprocess.Popen[bytes]]) -> None:
    # A stray worker would eat the next run's tasks: every process that was started here is seen to be gone.
    family = [process for worker in workers for process in _family(worker.pid)]
    for worker in workers:
        worker.terminate()
    _, alive = psutil.wait_procs(family, timeout=20)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=5)


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
