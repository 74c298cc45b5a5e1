"""What became of earlier runs, per target and per template, and which targets are gone."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

from pymongo import DESCENDING
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from suture_chassis.errors import TemporaryError

FRESH_SECONDS = {"target": 30.0, "template": 600.0}
"""How long a reading is used again; failures that this process handles are seen at once all the same.

A template has far more runs than one target, and its record moves far less with each.
"""
_MAX_CACHED = 5_000
_MAX_FAILURES = 50

V = TypeVar("V")
Collection = AsyncCollection[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class TargetHistory:
    """Which of the latest runs on a target succeeded, when runs failed lately, whether it was removed."""

    succeeded: tuple[bool, ...] = ()
    failures: tuple[datetime, ...] = ()
    removed: bool = False


class History:
    """Bounded reads with a short memory, since every script asks for them."""

    def __init__(
        self, outcomes: Collection, targets: Collection, *, runs: int, failures_for: timedelta
    ) -> None:
        self._outcomes = outcomes
        self._targets = targets
        self._runs = runs
        self._failures_for = failures_for
        self._cache: dict[tuple[str, str], tuple[float, Any]] = {}

    async def prepare(self) -> None:
        """The indexes that the reads below need, and the one that finds an execution's outcome."""
        for keys in ([("on", 1), ("at", -1)], [("template", 1), ("at", -1)], [("execution_id", 1)]):
            await self._outcomes.create_index(keys)

    async def of_target(self, target: str) -> TargetHistory:
        return await self._cached("target", target, self._read_target)

    async def of_template(self, template: str) -> tuple[bool, ...]:
        return await self._cached("template", template, self._read_template)

    def add(self, template: str | None, succeeded: bool) -> None:
        """Count a run of a template that is remembered; the newest comes first."""
        if template is not None and (known := self._cache.get(("template", template))):
            expires, latest = known
            self._cache["template", template] = (expires, (succeeded, *latest)[: self._runs])

    def forget(self, targets: Sequence[str]) -> None:
        """Read these targets anew: something about them changed."""
        for target in targets:
            self._cache.pop(("target", target), None)

    async def _cached(self, kind: str, name: str, read: Callable[[str], Awaitable[V]]) -> V:
        now = time.monotonic()
        known = self._cache.get((kind, name))
        if known is not None and known[0] > now:
            return cast(V, known[1])
        try:
            value = await read(name)
        except PyMongoError as error:
            raise TemporaryError(f"the store did not answer: {type(error).__name__}") from error
        if len(self._cache) >= _MAX_CACHED:
            self._cache.clear()
        self._cache[kind, name] = (now + FRESH_SECONDS[kind], value)
        return value

    async def _read_target(self, target: str) -> TargetHistory:
        latest = await self._latest({"on": target}, max(self._runs, _MAX_FAILURES))
        since = datetime.now(UTC) - self._failures_for
        failures = [run["at"] for run in latest if _failed(run, target) and run["at"] > since]
        if len(latest) >= _MAX_FAILURES and latest[-1]["at"] > since:
            # Many runs lately: their failures may lie behind those that were read.
            query = {"on": target, "failed": target, "mode": "apply", "at": {"$gt": since}}
            failures = [run["at"] for run in await self._latest(query, _MAX_FAILURES)]
        known = await self._targets.find_one({"_id": target}, {"state": 1})
        return TargetHistory(
            tuple(target not in run["failed"] for run in _last_of_each(latest)[: self._runs]),
            tuple(failures),
            known is not None and known["state"] == "removed",
        )

    async def _read_template(self, template: str) -> tuple[bool, ...]:
        latest = _last_of_each(await self._latest({"template": template}, self._runs))
        return tuple(not run["failed"] for run in latest if run["on"])

    async def _latest(self, query: dict[str, Any], most: int) -> list[dict[str, Any]]:
        fields = {"execution_id": 1, "on": 1, "failed": 1, "mode": 1, "at": 1}
        return await self._outcomes.find(query, fields).sort("at", DESCENDING).limit(most).to_list()


def _failed(run: dict[str, Any], target: str) -> bool:
    return run["mode"] == "apply" and target in run["failed"]


def _last_of_each(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of an execution that was taken back the later outcome counts alone; ``runs`` begin with the newest."""
    last: dict[str, dict[str, Any]] = {}
    for run in runs:
        last.setdefault(run["execution_id"], run)
    return list(last.values())
