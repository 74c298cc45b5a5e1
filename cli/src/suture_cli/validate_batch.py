"""``suture validate --batch``: a stream of texts, analysed in parallel, answered in its order."""

from __future__ import annotations

import os
import resource
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import BinaryIO

from suture_safety.answers import MAX_LINE_BYTES, answer, name_of, refusal
from suture_safety.rulebook import rulebook

_CHUNK_LINES = 32
_CHUNK_BYTES = 256_000
_WORKER_BYTES = 2_000_000_000
_MAX_WORKERS = 8

Lines = list[bytes]


def run_batch(source: BinaryIO, sink: BinaryIO) -> None:
    """Answers every line of ``source`` with one of ``sink``; memory is bounded by a few chunks a worker."""
    rulebook()  # read before the workers are forked: they share it
    workers = min(os.cpu_count() or 1, _MAX_WORKERS)
    waiting: deque[tuple[Lines, Future[Lines]]] = deque()
    pool = _Pool(workers)
    try:
        for chunk in _chunks(source):
            waiting.append((chunk, pool.submit(chunk)))
            if len(waiting) > 3 * workers:
                _write(sink, pool.result(*waiting.popleft()))
        while waiting:
            _write(sink, pool.result(*waiting.popleft()))
    finally:
        pool.close()
    sink.flush()


class _Pool:
    """Workers that may die of a text: its line is answered, and the others are analysed again."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._executor = self._start(workers)

    def submit(self, chunk: Lines) -> Future[Lines]:
        try:
            return self._executor.submit(answer_all, chunk)
        except BrokenProcessPool:
            self.close()
            self._executor = self._start(self._workers)
            return self._executor.submit(answer_all, chunk)

    def result(self, chunk: Lines, future: Future[Lines]) -> Lines:
        try:
            return future.result()
        except (BrokenProcessPool, MemoryError):
            return [self._alone(line) for line in chunk]

    def _alone(self, line: bytes) -> bytes:
        executor = self._start(1)
        try:
            return executor.submit(answer, line).result()
        except (BrokenProcessPool, MemoryError):
            remedy = "Make it smaller and simpler; what cannot be analysed is not run."
            return refusal(name_of(line), "bounds.memory", "takes too much memory to analyse", remedy)
        finally:
            executor.shutdown(cancel_futures=True)

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)

    @staticmethod
    def _start(workers: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(workers, mp_context=get_context("fork"), initializer=_bound_worker)


def answer_all(chunk: Lines) -> Lines:
    return [answer(line) for line in chunk]


def _bound_worker() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_WORKER_BYTES, _WORKER_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _chunks(source: BinaryIO) -> Iterator[Lines]:
    """A few lines at a time; of a line that is longer than any may be, its beginning is kept."""
    chunk: Lines = []
    size = 0
    while line := source.readline(MAX_LINE_BYTES + 2):
        if not line.endswith(b"\n") and len(line) > MAX_LINE_BYTES:
            _skip_rest(source)
        chunk.append(line)
        size += len(line)
        if len(chunk) >= _CHUNK_LINES or size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _skip_rest(source: BinaryIO) -> None:
    while (more := source.readline(MAX_LINE_BYTES)) and not more.endswith(b"\n"):
        pass


def _write(sink: BinaryIO, answers: Lines) -> None:
    sink.write(b"".join(line + b"\n" for line in answers))
