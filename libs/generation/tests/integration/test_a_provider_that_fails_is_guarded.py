"""Breaker, second provider, budgets and the bound on calls at once, over HTTP with the real SDKs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from suture_generation.providers import (
    Budget,
    BudgetSpent,
    ChatMessage,
    GuardedProvider,
    ModelUnavailable,
    get_llm_client,
)
from suture_generation.providers.prices import cost_usd
from suture_local.model_server import ModelAnswer, ModelServer

ASK: list[ChatMessage] = [{"role": "user", "content": "Hello?"}]
Build = Callable[..., GuardedProvider]


@pytest_asyncio.fixture
async def guarded(model_server: ModelServer) -> AsyncIterator[Build]:
    opened: list[GuardedProvider] = []

    def build(**options: object) -> GuardedProvider:
        first = get_llm_client(
            "openai", model="gpt-5.4", base_url=model_server.openai_url, api_key="k", timeout=5
        )
        second = get_llm_client(
            "anthropic", model="claude-sonnet-5", base_url=model_server.url, api_key="k", timeout=5
        )
        made = GuardedProvider(first, second if options.pop("fallback", False) else None, **options)  # type: ignore[arg-type]
        opened.append(made)
        return made

    yield build
    for made in opened:
        await made.close()


async def test_the_second_provider_answers_where_the_first_is_away(
    guarded: Build, model_server: ModelServer
) -> None:
    model_server.queue += [ModelAnswer("away", status=503), "Hello."]
    answer = await guarded(fallback=True).generate_with_retry(ASK, max_retries=0)
    assert (answer.provider, answer.content) == ("anthropic", "Hello.")


async def test_after_failures_in_a_row_a_provider_is_left_alone_for_a_while(
    guarded: Build, model_server: ModelServer
) -> None:
    model_server.answering = lambda request: ModelAnswer("away", status=503)
    provider = guarded(failures=2, cool_down=0.3)
    for _ in range(4):
        with pytest.raises(ModelUnavailable):
            await provider.generate(ASK)
    assert len(model_server.requests) == 2
    await asyncio.sleep(0.35)
    model_server.answering = lambda request: ModelAnswer("Hello.")
    assert (await provider.generate(ASK)).content == "Hello."
    assert (await provider.generate(ASK)).content == "Hello."


@pytest.mark.parametrize("budget", [Budget(tokens=100), Budget(usd=0.0001)])
async def test_a_days_budget_ends_the_calls_and_the_next_day_begins_anew(
    guarded: Build, model_server: ModelServer, budget: Budget
) -> None:
    model_server.answering = lambda request: ModelAnswer("Hello.", input_tokens=90, output_tokens=20)
    day = ["2026-01-01"]
    budget.today = lambda: day[0]
    provider = guarded(budget=budget)
    await provider.generate(ASK)
    with pytest.raises(BudgetSpent, match="budget"):
        await provider.generate(ASK)
    day[0] = "2026-01-02"
    assert (await provider.generate(ASK)).content == "Hello."


async def test_calls_at_once_are_bounded(guarded: Build, model_server: ModelServer) -> None:
    model_server.answering = lambda request: ModelAnswer("Hello.", delay=0.2)
    provider = guarded(concurrency=1)
    began = time.monotonic()
    await asyncio.gather(*(provider.generate(ASK) for _ in range(3)))
    assert time.monotonic() - began >= 0.6


def test_a_known_model_has_its_price_and_one_of_ones_own_costs_nothing() -> None:
    assert cost_usd("openai", "gpt-5.4", 1_000_000, 0) > 0
    assert cost_usd("openai", "my-own-model", 1_000_000, 0) == 0
    assert cost_usd("none", "none", 0, 0) == 0
