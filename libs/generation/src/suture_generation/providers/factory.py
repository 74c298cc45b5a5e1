"""A provider by its name, with its key from the environment."""

from __future__ import annotations

import os

from suture_generation.providers.none import NoProvider
from suture_generation.providers.protocol import Provider, ProviderMisconfigured

PROVIDERS = ("none", "openai", "anthropic")
DEFAULT_MODELS = {"openai": "gpt-5.4", "anthropic": "claude-sonnet-5"}
CHEAP_MODELS = {"openai": "gpt-5.4-mini", "anthropic": "claude-haiku-4-5"}
"""Good enough to adapt a template to a case; where nothing is there yet, the stronger one writes."""
FULL_NAMES = {
    "claude-3-opus": "claude-3-opus-20240229",
    "claude-3-sonnet": "claude-3-sonnet-20240229",
    "claude-3-haiku": "claude-3-haiku-20240307",
}
"""Names by which models are known, and their API does not know them."""
KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
TIMEOUT_SECONDS = 60.0
MAX_OUTPUT_TOKENS = 8_192


def get_llm_client(
    provider: str,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    timeout: float = TIMEOUT_SECONDS,
    max_output_tokens: int = MAX_OUTPUT_TOKENS,
) -> Provider:
    """The client of ``none``, ``openai`` or ``anthropic``; raises ``ProviderMisconfigured``.

    Without ``api_key`` the key comes from OPENAI_API_KEY or ANTHROPIC_API_KEY; ``base_url`` names any service
    that speaks the provider's API; ``timeout`` is seconds a call.
    """
    if provider == "none":
        return NoProvider()
    if provider not in PROVIDERS:
        raise ProviderMisconfigured(f"unknown provider {provider[:50]!r}; use one of {', '.join(PROVIDERS)}")
    key = api_key or os.environ.get(KEY_VARIABLES[provider], "")
    if not key.strip():
        raise ProviderMisconfigured(f"the provider {provider} needs a key; set {KEY_VARIABLES[provider]}")
    name = FULL_NAMES.get(model, model) if model else DEFAULT_MODELS[provider]
    # Here, not above: each SDK costs tens of megabytes, which who works without a model need not pay.
    if provider == "openai":
        from suture_generation.providers.openai import OpenAIProvider

        return OpenAIProvider(
            api_key=key, model=name, base_url=base_url, timeout=timeout, max_output_tokens=max_output_tokens
        )
    from suture_generation.providers.anthropic import AnthropicProvider

    return AnthropicProvider(
        api_key=key, model=name, base_url=base_url, timeout=timeout, max_output_tokens=max_output_tokens
    )
