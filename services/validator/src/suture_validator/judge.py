"""Runs the safety analysis where it blocks nobody, within a time, and remembers what it said."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import resource
import signal
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from pydantic import ValidationError
from suture_contracts.base import ScriptType
from suture_contracts.report import Report
from suture_contracts.script import ScriptDocument
from suture_safety import Policy, analyse_document, ruleset_digest, validate
from suture_safety.shellcheck import ShellCheck

from suture_validator.domain import unreadable

INLINE_CHARACTERS = 16_000
POOL_SECONDS = 15.0
MEMORY_BYTES = 1_500_000_000
REMEMBERED = 1_024
_PR_SET_PDEATHSIG = 1


class Judge:
    """``inline`` analyses are for texts that a released template rendered: small, and known to be quick.

    All others run in a process of its own, which is started when the first comes, bounded in time and memory,
    and ended when a text exceeds either: that text is then not valid, with this reason. There ShellCheck is
    asked too, where it is installed: what nobody released before may be wrong in bash itself.
    """

    def __init__(
        self,
        seconds: float = POOL_SECONDS,
        policy: Policy | None = None,
        second_reader: ShellCheck | None = None,
    ) -> None:
        """``policy``: the organisation's. Each of what a verdict follows from has a part in ``ruleset``."""
        version = second_reader.version() if second_reader else ""
        self.ruleset = hashlib.sha256(f"{ruleset_digest()} {policy} {version}".encode()).hexdigest()
        self._policy = policy
        self._second_reader = second_reader
        self._seconds = seconds
        self._pool: ProcessPoolExecutor | None = None
        self._known: OrderedDict[tuple[str, tuple[str, ...]], Report] = OrderedDict()

    async def document(
        self, text: str, sha256: str, *, inline: bool, target_kinds: tuple[str, ...] = ()
    ) -> Report:
        """The report on a script document's text; the same bytes for the same targets get the same."""
        key = (sha256, target_kinds)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        if inline and len(text) <= INLINE_CHARACTERS:
            report = _read(text, self._policy, target_kinds)
        else:
            report = await self._in_pool(_read, text, self._policy, target_kinds, self._second_reader)
        self._known[key] = report
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return report

    async def text(self, text: str, script_type: ScriptType) -> Report:
        """The report on a bare text."""
        return await self._in_pool(_validate, text, script_type, self._policy, self._second_reader)

    async def end_when_stopped(self) -> None:
        """Runs beside the handlers; ends the process of its own when the service stops."""
        try:
            await asyncio.Event().wait()
        finally:
            self.close()

    def close(self) -> None:
        self._end_pool()

    async def _in_pool(self, analyse: Callable[..., Report], *arguments: object) -> Report:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_bound_worker)
        pool = self._pool
        try:
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(pool.submit(analyse, *arguments))
        except TimeoutError:
            self._end_pool(pool)
            return unreadable(
                "bounds.time",
                f"takes longer than {self._seconds:g} s to analyse",
                "make it shorter and simpler",
            )
        except (BrokenProcessPool, MemoryError):
            self._end_pool(pool)
            return unreadable(
                "bounds.memory", "takes too much memory to analyse", "make it shorter and simpler"
            )

    def _end_pool(self, pool: ProcessPoolExecutor | None = None) -> None:
        if self._pool is None or (pool is not None and pool is not self._pool):
            return
        ended, self._pool = self._pool, None
        # A text that does not end would keep its process for ever: shutting down waits, killing does not.
        for process in list((ended._processes or {}).values()):
            process.kill()
        ended.shutdown(wait=False, cancel_futures=True)


def _bound_worker() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # It waits on a pipe that it holds open itself, and would outlive a service that was killed.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _validate(
    text: str, script_type: ScriptType, policy: Policy | None, second_reader: ShellCheck | None
) -> Report:
    return validate(text, script_type, policy=policy, second_reader=second_reader)


def _read(
    text: str,
    policy: Policy | None = None,
    target_kinds: tuple[str, ...] = (),
    second_reader: ShellCheck | None = None,
) -> Report:
    try:
        document = ScriptDocument.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "document"
        return unreadable(
            "document.invalid", f"{place}: {first['msg']}"[:500], "send a script document as its schema says"
        )
    except (ValueError, RecursionError) as error:
        return unreadable("document.invalid", f"document: {error}"[:500], "send one valid JSON document")
    return analyse_document(document, policy=policy, target_kinds=target_kinds, second_reader=second_reader)
