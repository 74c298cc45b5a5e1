"""The client that agents use.

>>> from agent_sdk import AgentSDK
>>> agent = AgentSDK("agent-1", "the-agents-key", "http://127.0.0.1:8080")
"""

from __future__ import annotations

from agent_sdk.errors import (
    AgentSDKError,
    BadAnswer,
    BadRequest,
    ConflictError,
    Forbidden,
    NotFound,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from agent_sdk.sdk import AgentSDK

__all__ = [
    "AgentSDK",
    "AgentSDKError",
    "BadAnswer",
    "BadRequest",
    "ConflictError",
    "Forbidden",
    "NotFound",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
]
