import time
from collections.abc import Iterator

import anthropic
import openai
import pytest
from suture_local.model_server import ModelAnswer, ModelServer

PROMPT = "Fix the missing file."


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as started:
        yield started


@pytest.fixture
def openai_client(server: ModelServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.openai_url, api_key="key", max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(server: ModelServer) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=server.url, api_key="key", max_retries=0) as client:
        yield client


def test_the_openai_sdk_gets_the_scripted_chat_completion(
    server: ModelServer, openai_client: openai.OpenAI
) -> None:
    server.queue = [{"script": "true"}]
    answer = openai_client.chat.completions.create(
        model="m",
        messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPT}],
    )
    assert answer.choices[0].message.content == '{"script": "true"}'
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (100, 50)
    (request,) = server.requests
    assert (request.api, request.model, request.system, request.prompt) == ("chat", "m", "Be brief.", PROMPT)


def test_the_openai_sdk_gets_the_scripted_response(server: ModelServer, openai_client: openai.OpenAI) -> None:
    server.queue = ["Done."]
    answer = openai_client.responses.create(model="m", instructions="Be brief.", input=PROMPT)
    assert answer.output_text == "Done."
    assert (server.requests[0].system, server.requests[0].prompt) == ("Be brief.", PROMPT)


def test_the_anthropic_sdk_gets_the_scripted_message(
    server: ModelServer, anthropic_client: anthropic.Anthropic
) -> None:
    server.answering = lambda request: f"You said: {request.prompt}"
    answer = anthropic_client.messages.create(
        model="m", max_tokens=100, system="Be brief.", messages=[{"role": "user", "content": PROMPT}]
    )
    assert answer.content[0].type == "text"
    assert answer.content[0].text == f"You said: {PROMPT}"
    assert server.requests[0].system == "Be brief."


def test_a_forced_tool_gets_the_answer_as_its_input(
    server: ModelServer, anthropic_client: anthropic.Anthropic
) -> None:
    server.queue = [{"script": "true"}]
    answer = anthropic_client.messages.create(
        model="m",
        max_tokens=100,
        messages=[{"role": "user", "content": PROMPT}],
        tools=[{"name": "write_script", "input_schema": {"type": "object"}}],
        tool_choice={"type": "tool", "name": "write_script"},
    )
    assert answer.content[0].type == "tool_use"
    assert answer.content[0].input == {"script": "true"}


def test_a_scripted_429_is_the_sdks_rate_limit_error_with_its_retry_after(
    server: ModelServer, openai_client: openai.OpenAI
) -> None:
    server.queue = [ModelAnswer("slow down", status=429, retry_after=7)]
    with pytest.raises(openai.RateLimitError, match="slow down") as raised:
        openai_client.chat.completions.create(model="m", messages=[{"role": "user", "content": PROMPT}])
    assert raised.value.response.headers["retry-after"] == "7"


def test_a_scripted_error_is_the_anthropic_sdks_own(
    server: ModelServer, anthropic_client: anthropic.Anthropic
) -> None:
    server.queue = [ModelAnswer("busy", status=529)]
    with pytest.raises(anthropic.APIStatusError, match="overloaded_error"):
        anthropic_client.messages.create(
            model="m", max_tokens=1, messages=[{"role": "user", "content": PROMPT}]
        )


def test_a_scripted_delay_outlasts_the_clients_timeout(
    server: ModelServer, openai_client: openai.OpenAI
) -> None:
    server.queue = [ModelAnswer("late", delay=0.5)]
    started = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        openai_client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": PROMPT}], timeout=0.1
        )
    assert time.monotonic() - started < 0.5


def test_a_request_without_a_key_is_refused(server: ModelServer) -> None:
    client = openai.OpenAI(base_url=server.openai_url, api_key="key", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        client.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": PROMPT}],
            extra_headers={"Authorization": ""},
        )


def test_an_unscripted_request_is_an_error_that_says_so(
    server: ModelServer, openai_client: openai.OpenAI
) -> None:
    with pytest.raises(openai.InternalServerError, match="no answer was scripted"):
        openai_client.chat.completions.create(model="m", messages=[{"role": "user", "content": PROMPT}])
