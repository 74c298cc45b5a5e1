"""OpenAI's chat completions, or any service that speaks them, through the official SDK."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import openai

from suture_generation.providers.protocol import (
    AnswerSchema,
    ChatMessage,
    Completion,
    ModelAnswerInvalid,
    ModelError,
    ModelRefused,
    ModelUnavailable,
    ProviderMisconfigured,
    paid_for,
    parse_answer,
)
from suture_generation.providers.retrying import (
    CHECK_SECONDS,
    RetryingProvider,
    is_worth_retrying,
    retry_after_of,
)

_NOT_TAKEN = (400, 422)
"""How a service says that it does not know a parameter, or that a value is too large for the model."""


class OpenAIProvider(RetryingProvider):
    """``timeout`` is seconds a call. The SDK's own retries are off: ours are bounded and counted.

    Models before gpt-4o, and some services that speak this API, take neither a JSON schema as the answer's
    format nor so long an answer: they are asked for a forced function's arguments, as long as they can give.
    """

    name = "openai"

    def __init__(
        self, *, api_key: str, model: str, base_url: str | None, timeout: float, max_output_tokens: int
    ) -> None:
        self.model = model
        self._max_output_tokens = max_output_tokens
        self._as_older_models = False
        self._client = openai.AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=timeout, max_retries=0)

    async def generate(
        self, messages: Sequence[ChatMessage], schema: AnswerSchema | None = None
    ) -> Completion:
        began = time.perf_counter()
        answer = await self._ask(messages, schema)
        sent = answer.usage.prompt_tokens if answer.usage else 0
        received = answer.usage.completion_tokens if answer.usage else 0
        with paid_for(sent, received):
            content = _content_of(answer)
            data = parse_answer(content, schema)
        return Completion(
            content=content,
            data=data,
            provider=self.name,
            model=answer.model or self.model,
            input_tokens=sent,
            output_tokens=received,
            latency_ms=(time.perf_counter() - began) * 1000,
        )

    async def check(self) -> None:
        try:
            await self._client.with_options(timeout=CHECK_SECONDS).models.list()
        except openai.AuthenticationError as error:
            raise _refused(error) from None
        except (openai.OpenAIError, ValueError):
            return  # away, or without a list of models: the first script will tell

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, messages: Sequence[ChatMessage], schema: AnswerSchema | None) -> Any:
        try:
            return await self._answer(messages, schema)
        except openai.APIStatusError as error:
            raise _refused(error) from None
        except openai.APIConnectionError as error:
            # The SDK's timeout is one of these, too.
            raise ModelUnavailable(f"the provider did not answer: {type(error).__name__}") from None
        except (openai.OpenAIError, ValueError) as error:
            raise ModelAnswerInvalid(f"the answer could not be read: {type(error).__name__}") from None

    async def _answer(self, messages: Sequence[ChatMessage], schema: AnswerSchema | None) -> Any:
        if not self._as_older_models:
            extra: dict[str, Any] = {"max_completion_tokens": self._max_output_tokens}
            if schema is not None:
                wanted = {"name": schema.name, "schema": schema.schema, "strict": True}
                extra["response_format"] = {"type": "json_schema", "json_schema": wanted}
            try:
                return await self._create(messages, extra)
            except openai.APIStatusError as error:
                if error.status_code not in _NOT_TAKEN:
                    raise
        answer = await self._create(messages, {} if schema is None else _forced(schema))
        self._as_older_models = True
        return answer

    async def _create(self, messages: Sequence[ChatMessage], extra: dict[str, Any]) -> Any:
        return await self._client.chat.completions.create(
            model=self.model,
            messages=list(messages),  # type: ignore[arg-type]
            **extra,
        )


def _forced(schema: AnswerSchema) -> dict[str, Any]:
    return {
        "tools": [{"type": "function", "function": {"name": schema.name, "parameters": schema.schema}}],
        "tool_choice": {"type": "function", "function": {"name": schema.name}},
    }


def _content_of(answer: Any) -> str:
    if not answer.choices:
        raise ModelAnswerInvalid("the answer has no choices")
    choice = answer.choices[0]
    if choice.message.refusal:
        raise ModelRefused("the model refused to answer")
    if choice.finish_reason == "content_filter":
        raise ModelRefused("the provider's content filter withheld the answer")
    if choice.finish_reason == "length":
        raise ModelAnswerInvalid("the answer was cut off at the bound on its length")
    if choice.message.tool_calls:
        return str(choice.message.tool_calls[0].function.arguments)
    return choice.message.content or ""


def _refused(error: openai.APIStatusError) -> ModelError:
    # The body may repeat what was sent: the status says enough.
    if is_worth_retrying(error.status_code):
        wait = retry_after_of(error.response.headers)
        return ModelUnavailable(f"the provider answered {error.status_code}", retry_after=wait)
    if error.status_code in (401, 403):
        return ProviderMisconfigured(f"the provider answered {error.status_code}: check the API key")
    if error.status_code == 404:
        return ProviderMisconfigured("the provider answered 404: check the model's name and the base URL")
    return ModelError(f"the provider answered {error.status_code}")
