"""What stands between the work and a provider: a bound on calls at once, a breaker, budgets, a second one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from suture_generation.providers.prices import cost_usd
from suture_generation.providers.protocol import (
    AnswerSchema,
    ChatMessage,
    Completion,
    ModelError,
    ModelUnavailable,
    Provider,
    ProviderMisconfigured,
)


class BudgetSpent(ModelError):
    """What may be spent is spent; says which budget."""


class Spending(Protocol):
    """Keeps what was spent of each day (``2026-01-31``), in tokens and USD."""

    async def of(self, name: str) -> tuple[int, float]: ...

    async def add(self, name: str, tokens: int, usd: float) -> None: ...


class SpendingInMemory:
    """Forgets at the end of the process."""

    def __init__(self) -> None:
        self._day, self._tokens, self._usd = "", 0, 0.0

    async def of(self, name: str) -> tuple[int, float]:
        return (self._tokens, self._usd) if name == self._day else (0, 0.0)

    async def add(self, name: str, tokens: int, usd: float) -> None:
        spent_tokens, spent_usd = await self.of(name)
        self._day, self._tokens, self._usd = name, spent_tokens + tokens, spent_usd + usd


def why_spent(whose: str, tokens: int, usd: float, spent: tuple[int, float]) -> str | None:
    """Which bound of a budget ``spent``, in tokens and USD, has reached, if one is; 0 is no bound."""
    if tokens and spent[0] >= tokens:
        return f"the {whose}'s budget of {tokens:,} tokens is spent"
    if usd and spent[1] >= usd:
        return f"the {whose}'s budget of {usd:g} USD is spent"
    return None


@dataclass(slots=True)
class Budget:
    """What one day may cost; 0 means no bound. Calls that are at work when it ends may still exceed it."""

    tokens: int = 0
    usd: float = 0.0
    today: Callable[[], str] = lambda: datetime.now(UTC).date().isoformat()
    spending: Spending = field(default_factory=SpendingInMemory)

    async def check(self) -> None:
        """Raises ``BudgetSpent`` where nothing is left of the day."""
        if not self.tokens and not self.usd:
            return
        spent = await self.spending.of(self.today())
        if reason := why_spent("day", self.tokens, self.usd, spent):
            raise BudgetSpent(reason)

    async def charge(self, tokens: int, usd: float) -> None:
        if tokens or usd:
            await self.spending.add(self.today(), tokens, usd)


@dataclass(slots=True)
class Breaker:
    """Opens after ``failures`` in a row; after ``cool_down`` seconds one call may try again."""

    failures: int = 5
    cool_down: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _in_row: int = 0
    _closed_again: float = 0.0

    def check(self, name: str) -> None:
        if self._in_row < self.failures:
            return
        now = self.clock()
        if now < self._closed_again:
            wait = self._closed_again - now
            raise ModelUnavailable(
                f"{name} failed {self._in_row} times in a row; tried again in {wait:.0f} s"
            )
        self._closed_again = now + self.cool_down

    def succeeded(self) -> None:
        self._in_row = 0

    def failed(self) -> None:
        self._in_row += 1
        self._closed_again = self.clock() + self.cool_down


@dataclass(slots=True)
class _Guarded:
    provider: Provider
    breaker: Breaker
    free: asyncio.Semaphore


@dataclass(slots=True)
class GuardedProvider:
    """A provider and, where it is away, the second one; ``budget`` is for both together."""

    primary: Provider
    fallback: Provider | None = None
    budget: Budget = field(default_factory=Budget)
    concurrency: int = 4
    failures: int = 5
    cool_down: float = 60.0
    name: str = field(init=False)
    model: str = field(init=False)
    _guarded: list[_Guarded] = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.model = self.primary.name, self.primary.model
        providers = [provider for provider in (self.primary, self.fallback) if provider is not None]
        self._guarded = [
            _Guarded(provider, Breaker(self.failures, self.cool_down), asyncio.Semaphore(self.concurrency))
            for provider in providers
        ]

    async def generate(
        self, messages: Sequence[ChatMessage], schema: AnswerSchema | None = None
    ) -> Completion:
        return await self.generate_with_retry(messages, schema, 0)

    async def generate_with_retry(
        self, messages: Sequence[ChatMessage], schema: AnswerSchema | None = None, max_retries: int = 3
    ) -> Completion:
        """As the provider's own; raises ``BudgetSpent``, or the last provider's ``ModelError``."""
        last: ModelError = ProviderMisconfigured("no model provider is configured")
        for guarded in self._guarded:
            try:
                return await self._ask(guarded, messages, schema, max_retries)
            except (ModelUnavailable, ProviderMisconfigured) as error:
                last = error
        raise last

    async def check(self) -> None:
        for guarded in self._guarded:
            await guarded.provider.check()

    async def close(self) -> None:
        for guarded in self._guarded:
            await guarded.provider.close()

    async def _ask(
        self,
        guarded: _Guarded,
        messages: Sequence[ChatMessage],
        schema: AnswerSchema | None,
        max_retries: int,
    ) -> Completion:
        async with guarded.free:
            await self.budget.check()
            guarded.breaker.check(guarded.provider.name)
            try:
                completion = await guarded.provider.generate_with_retry(messages, schema, max_retries)
            except ModelError as error:
                if isinstance(error, ModelUnavailable):
                    guarded.breaker.failed()
                await self._charge(guarded.provider, error)
                raise
        guarded.breaker.succeeded()
        await self._charge(completion, completion)
        return completion

    async def _charge(self, by: Provider | Completion, of: Completion | ModelError) -> None:
        name = by.provider if isinstance(by, Completion) else by.name
        usd = cost_usd(name, by.model, of.input_tokens, of.output_tokens)
        await self.budget.charge(of.input_tokens + of.output_tokens, usd)
