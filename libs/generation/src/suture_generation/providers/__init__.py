"""Models behind one protocol. A provider's SDK is imported when that provider is asked for, not before."""

from suture_generation.providers.factory import PROVIDERS, get_llm_client
from suture_generation.providers.guarding import Budget, BudgetSpent, GuardedProvider
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
    "get_llm_client",
]
