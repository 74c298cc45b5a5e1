"""What an agent gets to run on a target of its own, and what it says of the run."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from suture_contracts.base import Name, Text, Value
from suture_contracts.custody import Envelope
from suture_contracts.events import Mode
from suture_contracts.script import Script

LEASE = "https://suture.dev/lease/v1"
AGENT_RESULT = "https://suture.dev/agent-result/v1"


class Lease(Value):
    """The executor's: this agent may run this document once, in this mode, on this target.

    It counts for ``seconds`` from when it is given or renewed. Until when the run may begin, and on what, the
    approval says.
    """

    run_id: Name
    token: Name = Field(description="Of this very lease: the same run taken anew has another")
    execution_id: UUID
    mode: Mode
    target: Name
    agent: Name
    script_id: UUID
    revision: int = Field(ge=1)
    reason: Text = ""
    seconds: float = Field(gt=0, le=3_600)


class Bundle(Value):
    """All that an agent needs to check for itself that it may run a script, and to run it."""

    lease: Envelope
    script: Script
    verdict: Envelope
    approval_id: UUID | None = None
    approval: Envelope | None = Field(default=None, description="None for a rehearsal: it changes nothing")


class AgentResult(Value):
    """The agent's: this is what came of the run that this lease was for."""

    run_id: Name
    token: Name
    result: dict[str, Any] = Field(description="A run's result, as the sandbox has it")
