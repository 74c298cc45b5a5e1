"""The real SDKs against a stand-in provider that answers well, badly, late, or not at all."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from suture_contracts.events import Finding
from suture_contracts.ids import sha256
from suture_contracts.target import Target
from suture_generation.authoring import Task, write_script
from suture_generation.providers import (
    ChatMessage,
    ModelAnswerInvalid,
    ModelError,
    ModelRefused,
    ModelUnavailable,
    Provider,
    ProviderMisconfigured,
    get_llm_client,
)
from suture_generation.providers.protocol import AnswerSchema
from suture_local.model_server import ModelAnswer, ModelRequest, ModelServer

KEY = "sk-test-of-nobody"
ASK: list[ChatMessage] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
SCHEMA = AnswerSchema("greeting", {"type": "object", "properties": {"said": {"type": "string"}}})
WRITTEN: dict[str, Any] = {
    "script_type": "bash",
    "body": "#!/bin/bash\nset -euo pipefail\necho fixed\n",
    "rollback": "",
    "verify": "",
    "writes": [],
    "egress": [],
    "reversibility": "exact",
    "explanation": "says so",
}


@pytest_asyncio.fixture(params=["openai", "anthropic"])
async def client(
    request: pytest.FixtureRequest, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Provider]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    url = model_server.openai_url if request.param == "openai" else model_server.url
    opened = get_llm_client(request.param, model="a-model", base_url=url, timeout=1.0)
    opened.first_pause = 0.01  # type: ignore[attr-defined]
    yield opened
    await opened.close()


async def test_an_answer_comes_with_its_tokens(client: Provider, model_server: ModelServer) -> None:
    model_server.queue.append(ModelAnswer("Hello.", input_tokens=7, output_tokens=3))
    answer = await client.generate_with_retry(ASK, max_retries=5)
    assert answer.content == "Hello."
    assert (answer.tokens_used, answer.calls, answer.provider) == (10, 1, client.name)
    assert model_server.requests[0].system == "Be brief."
    assert model_server.requests[0].model == "a-model"


async def test_an_answer_of_a_given_shape_comes_parsed(client: Provider, model_server: ModelServer) -> None:
    model_server.queue.append({"said": "hello"})
    answer = await client.generate_with_retry(ASK, SCHEMA)
    assert answer.data == {"said": "hello"}


def older_model(request: ModelRequest) -> ModelAnswer | dict[str, Any]:
    """gpt-4, gpt-3.5-turbo, claude-3-…: no schema as the answer's format, and at most 4,096 tokens."""
    if "response_format" in request.body:
        return ModelAnswer("'response_format' of type 'json_schema' is not supported", status=400)
    asked = request.body.get("max_completion_tokens") or request.body.get("max_tokens") or 0
    if asked > 4_096:
        return ModelAnswer("max_tokens is too large", status=400)
    return {"said": "hello"}


async def test_an_older_model_is_asked_as_it_can_be_and_the_next_time_at_once(
    client: Provider, model_server: ModelServer
) -> None:
    model_server.answering = older_model
    assert (await client.generate_with_retry(ASK, SCHEMA)).data == {"said": "hello"}
    first = len(model_server.requests)
    assert (await client.generate_with_retry(ASK, SCHEMA)).data == {"said": "hello"}
    assert (await client.generate_with_retry(ASK)).content == '{"said": "hello"}'
    assert (first, len(model_server.requests)) == (2, 4)


async def test_a_request_that_is_wrong_either_way_is_an_error_and_the_next_is_asked_as_before(
    client: Provider, model_server: ModelServer
) -> None:
    model_server.queue += [ModelAnswer("too long a conversation", status=400)] * 2
    with pytest.raises(ModelError, match="400"):
        await client.generate_with_retry(ASK, SCHEMA)
    model_server.queue.append({"said": "hello"})
    assert (await client.generate_with_retry(ASK, SCHEMA)).data == {"said": "hello"}
    asked = model_server.requests[-1].body
    assert asked.get("max_completion_tokens") or asked.get("max_tokens") == 8_192


@pytest.mark.parametrize(
    ("provider", "named", "asked"),
    [
        ("openai", "gpt-4", "gpt-4"),
        ("openai", "gpt-4-turbo-preview", "gpt-4-turbo-preview"),
        ("openai", "gpt-3.5-turbo", "gpt-3.5-turbo"),
        ("anthropic", "claude-3-opus", "claude-3-opus-20240229"),
        ("anthropic", "claude-3-sonnet", "claude-3-sonnet-20240229"),
        ("anthropic", "claude-3-sonnet-20240229", "claude-3-sonnet-20240229"),
        ("anthropic", "claude-3-haiku", "claude-3-haiku-20240307"),
    ],
)
async def test_a_model_is_asked_by_the_name_that_its_api_knows(
    provider: str, named: str, asked: str, model_server: ModelServer
) -> None:
    url = model_server.openai_url if provider == "openai" else model_server.url
    client = get_llm_client(provider, model=named, base_url=url, api_key=KEY)
    model_server.answering = older_model
    assert (await client.generate_with_retry(ASK, SCHEMA)).data == {"said": "hello"}
    assert {request.model for request in model_server.requests} == {asked}
    await client.close()


async def test_a_rate_limit_is_waited_out_as_long_as_the_provider_says(
    client: Provider, model_server: ModelServer
) -> None:
    model_server.queue += [ModelAnswer("slow down", status=429, retry_after=0.5), "Hello."]
    began = time.monotonic()
    answer = await client.generate_with_retry(ASK, max_retries=5)
    assert answer.calls == 2
    assert time.monotonic() - began >= 0.5


async def test_a_wait_that_is_too_long_is_not_waited(client: Provider, model_server: ModelServer) -> None:
    model_server.answering = lambda request: ModelAnswer("slow down", status=429, retry_after=3600)
    began = time.monotonic()
    with pytest.raises(ModelUnavailable, match="429"):
        await client.generate_with_retry(ASK, max_retries=5)
    assert time.monotonic() - began < 5
    assert len(model_server.requests) == 1


async def test_a_broken_provider_is_asked_a_bounded_number_of_times(
    client: Provider, model_server: ModelServer
) -> None:
    model_server.answering = lambda request: ModelAnswer("oh", status=500)
    with pytest.raises(ModelUnavailable, match="500"):
        await client.generate_with_retry(ASK, max_retries=2)
    assert len(model_server.requests) == 3


async def test_a_provider_that_is_too_slow_is_given_up_on(
    client: Provider, model_server: ModelServer
) -> None:
    model_server.answering = lambda request: ModelAnswer("Hello.", delay=1.6)
    with pytest.raises(ModelUnavailable, match="Timeout"):
        await client.generate_with_retry(ASK, max_retries=0)


async def test_an_answer_whose_connection_ends_within_it_is_asked_for_again(
    client: Provider, model_server: ModelServer
) -> None:
    model_server.queue += [ModelAnswer("Hello." * 100, end="cut off"), "Hello."]
    answer = await client.generate_with_retry(ASK, max_retries=1)
    assert (answer.content, answer.calls) == ("Hello.", 2)
    model_server.answering = lambda request: ModelAnswer("Hello." * 100, end="cut off")
    with pytest.raises(ModelUnavailable, match="did not answer"):
        await client.generate_with_retry(ASK, max_retries=1)


async def test_a_refusal_is_not_argued_with_and_is_paid_for(
    client: Provider, model_server: ModelServer
) -> None:
    model_server.answering = lambda request: ModelAnswer("", end="refused")
    with pytest.raises(ModelRefused, match="refused") as caught:
        await client.generate_with_retry(ASK, max_retries=3)
    assert len(model_server.requests) == 1
    assert (caught.value.input_tokens, caught.value.output_tokens) == (100, 50)


async def test_an_answer_that_stops_at_the_bound_on_its_length_is_no_answer(
    client: Provider, model_server: ModelServer
) -> None:
    model_server.answering = lambda request: ModelAnswer("Hello.", end="too long")
    with pytest.raises(ModelAnswerInvalid, match="cut off at the bound"):
        await client.generate_with_retry(ASK, max_retries=1)
    assert len(model_server.requests) == 2


async def test_a_wrong_key_is_said_at_once_and_never_shown(
    client: Provider, model_server: ModelServer
) -> None:
    model_server.answering = lambda request: ModelAnswer(f"bad key {KEY}", status=401)
    with pytest.raises(ProviderMisconfigured, match="API key") as caught:
        await client.generate_with_retry(ASK, max_retries=5)
    assert KEY not in str(caught.value)
    assert len(model_server.requests) == 1


async def test_a_key_is_checked_without_asking_the_model(client: Provider, model_server: ModelServer) -> None:
    await client.check()
    model_server.refused_keys.add(KEY)
    with pytest.raises(ProviderMisconfigured, match="API key") as caught:
        await client.check()
    assert KEY not in str(caught.value)
    assert model_server.requests == []


async def test_an_unknown_model_is_named_as_such(client: Provider, model_server: ModelServer) -> None:
    model_server.answering = lambda request: ModelAnswer("none", status=404)
    with pytest.raises(ProviderMisconfigured, match="model's name"):
        await client.generate_with_retry(ASK)


async def test_nothing_that_listens_is_a_named_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    client = get_llm_client("openai", base_url="http://127.0.0.1:9/v1", timeout=1.0)
    await client.check()  # that the provider is away is no fault of the key's
    with pytest.raises(ModelUnavailable):
        await client.generate_with_retry(ASK, max_retries=0)
    await client.close()


async def test_an_answer_that_is_not_json_is_asked_for_again(
    model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    client = get_llm_client("openai", base_url=model_server.openai_url)
    model_server.queue += ["no { json", '["a list"]', {"said": "hello"}]
    assert (await client.generate_with_retry(ASK, SCHEMA)).calls == 3
    model_server.answering = lambda request: "never json"
    with pytest.raises(ModelAnswerInvalid):
        await client.generate_with_retry(ASK, SCHEMA, max_retries=1)
    await client.close()


def test_a_provider_without_its_key_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider, variable in (("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY")):
        monkeypatch.delenv(variable, raising=False)
        with pytest.raises(ProviderMisconfigured, match=variable):
            get_llm_client(provider)
    with pytest.raises(ProviderMisconfigured, match="unknown provider"):
        get_llm_client("oracle-of-delphi")


async def test_without_a_provider_asking_is_a_named_error() -> None:
    with pytest.raises(ProviderMisconfigured, match="SUTURE_GENERATOR_PROVIDER"):
        await get_llm_client("none").generate_with_retry(ASK)


def a_task() -> Task:
    finding = Finding(
        kind="rca",
        reference="a-1",
        category="Other",
        details="it is broken",
        severity="high",
        confidence=0.9,
        fingerprint=sha256(b"x"),
    )
    return Task(finding, (Target(id="t", kind="local", owner="me"),), "bash")


async def test_a_script_is_written_for_the_asked_target(client: Provider, model_server: ModelServer) -> None:
    model_server.queue.append(WRITTEN)
    authored = await write_script(client, a_task())
    assert authored.document.targets == ("t",)
    assert authored.document.body == WRITTEN["body"]
    assert authored.completion.input_tokens == 100


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"script_type": "sql"}, "script_type"),
        ({"writes": ["../etc/passwd"]}, "writes"),
        ({"egress": ["http://evil"]}, "egress"),
        ({"body": ""}, "body"),
        ({"targets": ["another"]}, "targets"),
        ({"reversibility": "certainly"}, "reversibility"),
    ],
)
async def test_an_answer_that_does_not_fit_is_refused_by_name_after_one_more_try(
    changes: dict[str, Any], named: str, client: Provider, model_server: ModelServer
) -> None:
    model_server.answering = lambda request: {**WRITTEN, **changes}
    with pytest.raises(ModelError, match=named):
        await write_script(client, a_task(), max_retries=0)
    assert len(model_server.requests) == 2
