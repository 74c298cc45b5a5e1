"""Models behind one protocol. A provider's SDK is imported when that provider is asked for, not before."""

from suture_generation.providers.factory import CHEAP_MODELS, PROVIDERS, get_llm_client
from suture_generation.providers.guarding import Budget, BudgetSpent, GuardedProvider, Spending, why_spent
from suture_generation.providers.protocol import (
    ChatMessage,
    Completion,
    ModelAnswerInvalid,
    ModelError,
    ModelRefused,
    ModelUnavailable,
    Provider,
    ProviderMisconfigured,
)

__all__ = [
    "CHEAP_MODELS",
    "PROVIDERS",
    "Budget",
    "BudgetSpent",
    "ChatMessage",
    "Completion",
    "GuardedProvider",
    "ModelAnswerInvalid",
    "ModelError",
    "ModelRefused",
    "ModelUnavailable",
    "Provider",
    "ProviderMisconfigured",
    "Spending",
    "get_llm_client",
    "why_spent",
]
