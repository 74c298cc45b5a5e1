"""Message in, use case; no logic."""

from __future__ import annotations

from suture_chassis.messages import Received
from suture_contracts.base import Reply
from suture_contracts.commands import Validate
from suture_contracts.events import ScriptGenerated

from suture_validator.service import Validator


class Handlers:
    def __init__(self, validator: Validator) -> None:
        self._validator = validator

    async def on_script_generated(self, received: Received[ScriptGenerated]) -> None:
        await self._validator.judge(received)

    async def on_validate(self, received: Received[Validate]) -> Reply:
        return await self._validator.answer(received)
