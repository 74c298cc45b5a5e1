"""No model: templates and predefined actions alone."""

from __future__ import annotations

from collections.abc import Sequence

from suture_generation.providers.protocol import AnswerSchema, ChatMessage, Completion, ProviderMisconfigured
from suture_generation.providers.retrying import RetryingProvider


class NoProvider(RetryingProvider):
    name = "none"
    model = "none"

    async def generate(
        self, messages: Sequence[ChatMessage], schema: AnswerSchema | None = None
    ) -> Completion:
        raise ProviderMisconfigured("no model provider is configured; set SUTURE_GENERATOR_PROVIDER")
