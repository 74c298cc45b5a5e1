"""Messages in, use cases called; no decisions here."""

from __future__ import annotations

from suture_chassis.messages import Received
from suture_contracts.base import Reply
from suture_contracts.commands import ShowSpending
from suture_contracts.events import ExecutionCompleted, RcaAnalyzed, ScriptLapsed, ScriptRejected

from suture_generator.service import Generator


class Handlers:
    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    async def on_rca_analyzed(self, received: Received[RcaAnalyzed]) -> None:
        if received.message.outcome == "analyzed":
            await self._generator.generate(received.message, received)

    async def on_script_rejected(self, received: Received[ScriptRejected]) -> None:
        await self._generator.after_refusal(received.message, received)

    async def on_script_lapsed(self, received: Received[ScriptLapsed]) -> None:
        await self._generator.after_lapse(received.message, received)

    async def on_show_spending(self, received: Received[ShowSpending]) -> Reply:
        return Reply(status=200, body=await self._generator.spending(received.message.budget_id))

    async def on_execution_completed(self, received: Received[ExecutionCompleted]) -> None:
        await self._generator.keep_outcome(received.message, received)
