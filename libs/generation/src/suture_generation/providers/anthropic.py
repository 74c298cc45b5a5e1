"""Anthropic's messages through the official SDK; an answer of a given shape is a forced tool's input."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import anthropic

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

_LONGEST_OF_OLDER_MODELS = 4_096


class AnthropicProvider(RetryingProvider):
    """``timeout`` is seconds a call. The SDK's own retries are off: ours are bounded and counted.

    A longer answer than the model can give must not be asked for, which Claude 3's models find out.
    """

    name = "anthropic"

    def __init__(
        self, *, api_key: str, model: str, base_url: str | None, timeout: float, max_output_tokens: int
    ) -> None:
        self.model = model
        self._max_output_tokens = max_output_tokens
        self._client = anthropic.AsyncAnthropic(
            api_key=api_key, base_url=base_url, timeout=timeout, max_retries=0
        )

    async def generate(
        self, messages: Sequence[ChatMessage], schema: AnswerSchema | None = None
    ) -> Completion:
        began = time.perf_counter()
        answer = await self._ask(messages, schema)
        with paid_for(answer.usage.input_tokens, answer.usage.output_tokens):
            content = _content_of(answer, schema)
            data = parse_answer(content, schema)
        return Completion(
            content=content,
            data=data,
            provider=self.name,
            model=answer.model or self.model,
            input_tokens=answer.usage.input_tokens,
            output_tokens=answer.usage.output_tokens,
            latency_ms=(time.perf_counter() - began) * 1000,
        )

    async def check(self) -> None:
        try:
            await self._client.with_options(timeout=CHECK_SECONDS).models.list(limit=1)
        except anthropic.AuthenticationError as error:
            raise _refused(error) from None
        except (anthropic.AnthropicError, ValueError):
            return  # away, or without a list of models: the first script will tell

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, messages: Sequence[ChatMessage], schema: AnswerSchema | None) -> Any:
        extra: dict[str, Any] = {}
        system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
        if system:
            extra["system"] = system
        if schema is not None:
            extra["tools"] = [{"name": schema.name, "input_schema": schema.schema}]
            extra["tool_choice"] = {"type": "tool", "name": schema.name}
        extra["messages"] = [message for message in messages if message["role"] != "system"]
        try:
            return await self._answer(extra)
        except anthropic.APIStatusError as error:
            raise _refused(error) from None
        except anthropic.APIConnectionError as error:
            raise ModelUnavailable(f"the provider did not answer: {type(error).__name__}") from None
        except (anthropic.AnthropicError, ValueError) as error:
            raise ModelAnswerInvalid(f"the answer could not be read: {type(error).__name__}") from None

    async def _answer(self, extra: dict[str, Any]) -> Any:
        create, most = self._client.messages.create, self._max_output_tokens
        try:
            return await create(model=self.model, max_tokens=most, **extra)
        except anthropic.BadRequestError:
            if most <= _LONGEST_OF_OLDER_MODELS:
                raise
        answer = await create(model=self.model, max_tokens=_LONGEST_OF_OLDER_MODELS, **extra)
        self._max_output_tokens = _LONGEST_OF_OLDER_MODELS
        return answer


def _content_of(answer: Any, schema: AnswerSchema | None) -> str:
    if answer.stop_reason == "refusal":
        raise ModelRefused("the model refused to answer")
    if answer.stop_reason == "max_tokens":
        raise ModelAnswerInvalid("the answer was cut off at the bound on its length")
    if schema is None:
        return "".join(block.text for block in answer.content if block.type == "text")
    for block in answer.content:
        if block.type == "tool_use" and block.name == schema.name:
            return json.dumps(block.input)
    raise ModelAnswerInvalid("the answer does not have the shape that was asked for")


def _refused(error: anthropic.APIStatusError) -> ModelError:
    # The body may repeat what was sent: the status says enough.
    if is_worth_retrying(error.status_code):
        wait = retry_after_of(error.response.headers)
        return ModelUnavailable(f"the provider answered {error.status_code}", retry_after=wait)
    if error.status_code in (401, 403):
        return ProviderMisconfigured(f"the provider answered {error.status_code}: check the API key")
    if error.status_code == 404:
        return ProviderMisconfigured("the provider answered 404: check the model's name and the base URL")
    return ModelError(f"the provider answered {error.status_code}")
