"""What every model provider does, and how it may fail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypedDict

MAX_ANSWER_CHARACTERS = 400_000


class ChatMessage(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """The JSON Schema that an answer must fit; a strict one: closed objects, every property required."""

    name: str
    schema: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer and what it cost. ``data`` is the parsed answer where a schema was given."""

    content: str
    data: dict[str, Any] | None
    provider: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    latency_ms: float = 0.0
    calls: int = 1

    @property
    def tokens_used(self) -> int:
        return self.input_tokens + self.output_tokens


class ModelError(Exception):
    """No usable answer came; says why, never with a key in it, and what it took all the same."""

    input_tokens: int = 0
    output_tokens: int = 0


class ModelUnavailable(ModelError):
    """Asking again may help. ``retry_after``: seconds that the provider wants us to wait."""

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class ModelRefused(ModelError):
    """The model would not answer; asking the same again does not help."""


class ModelAnswerInvalid(ModelError):
    """The answer is cut off, too long, not JSON or against the schema; another try may fit."""


class ProviderMisconfigured(ModelError):
    """No such provider or model, or a key that is missing or wrong: for the operator to correct."""


class Provider(Protocol):
    """A chat model. ``generate`` asks once, ``generate_with_retry`` until an answer or a bound is reached."""

    name: str
    model: str

    async def generate(
        self, messages: Sequence[ChatMessage], schema: AnswerSchema | None = None
    ) -> Completion: ...

    async def generate_with_retry(
        self, messages: Sequence[ChatMessage], schema: AnswerSchema | None = None, max_retries: int = 3
    ) -> Completion: ...

    async def check(self) -> None:
        """Raises ``ProviderMisconfigured`` where the provider refuses the key; who is away may come later."""

    async def close(self) -> None: ...


@contextmanager
def paid_for(input_tokens: int, output_tokens: int) -> Iterator[None]:
    """Lets the ``ModelError`` of an answer that came, but is of no use, say what it took."""
    try:
        yield
    except ModelError as error:
        error.input_tokens, error.output_tokens = input_tokens, output_tokens
        raise


def text_of(messages: Sequence[ChatMessage]) -> str:
    """A conversation as one text, the same each time: what its digest is of."""
    return json.dumps(list(messages), ensure_ascii=False, sort_keys=True)


def parse_answer(content: str, schema: AnswerSchema | None) -> dict[str, Any] | None:
    """The object in a model's answer; raises ``ModelAnswerInvalid`` where a schema asks for one."""
    if len(content) > MAX_ANSWER_CHARACTERS:
        raise ModelAnswerInvalid(f"the answer is {len(content):,} characters long")
    if schema is None:
        return None
    try:
        data = json.loads(content)
    except ValueError as error:
        raise ModelAnswerInvalid("the answer is not JSON") from error
    if not isinstance(data, dict):
        raise ModelAnswerInvalid("the answer is not a JSON object")
    return data
