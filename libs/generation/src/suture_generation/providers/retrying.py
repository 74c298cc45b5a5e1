"""Asking again: bounded, with exponential backoff and jitter, never sooner than the provider says."""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from suture_generation.providers.protocol import (
    AnswerSchema,
    ChatMessage,
    Completion,
    ModelAnswerInvalid,
    ModelError,
    ModelUnavailable,
)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
CHECK_SECONDS = 5.0
_RETRIED_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class RetryingProvider(ABC):
    """What the providers share; ``first_pause`` is in seconds and doubles with each try."""

    name: str
    model: str
    first_pause: float = FIRST_PAUSE_SECONDS

    @abstractmethod
    async def generate(
        self, messages: Sequence[ChatMessage], schema: AnswerSchema | None = None
    ) -> Completion:
        """Asks once; raises a ``ModelError``."""

    async def check(self) -> None:
        """Nothing where this is not overridden: there is no key."""
        return

    async def close(self) -> None:
        """Lets go of connections; there are none where this is not overridden."""
        return

    async def generate_with_retry(
        self, messages: Sequence[ChatMessage], schema: AnswerSchema | None = None, max_retries: int = 3
    ) -> Completion:
        """Asks until an answer fits, at most ``max_retries`` times more; raises the last ``ModelError``.

        Either has the tokens of every call: what was of no use was paid for as well.
        """
        attempt = sent = received = 0
        while True:
            try:
                completion = await self.generate(messages, schema)
                return replace(
                    completion,
                    calls=attempt + 1,
                    input_tokens=completion.input_tokens + sent,
                    output_tokens=completion.output_tokens + received,
                )
            except ModelError as error:
                sent, received = sent + error.input_tokens, received + error.output_tokens
                error.input_tokens, error.output_tokens = sent, received
                if attempt >= max_retries or not isinstance(error, (ModelUnavailable, ModelAnswerInvalid)):
                    raise
                wanted = error.retry_after if isinstance(error, ModelUnavailable) else None
                if wanted is not None and wanted > LONGEST_PAUSE_SECONDS:
                    raise
                await asyncio.sleep(self._pause(attempt, wanted))
            attempt += 1

    def _pause(self, attempt: int, wanted: float | None) -> float:
        backoff: float = min(self.first_pause * 2.0**attempt, LONGEST_PAUSE_SECONDS) * random.uniform(
            0.5, 1.0
        )
        return max(backoff, wanted or 0.0)


def is_worth_retrying(status: int) -> bool:
    return status in _RETRIED_STATUS


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, given as seconds or as a date."""
    told = headers.get("retry-after")
    if not told:
        return None
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(told)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
