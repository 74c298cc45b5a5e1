"""A supervisor's tool: it reads ``supervisors.approvals`` and answers over the HTTP API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from suture_contracts.events import ApprovalRequested
from suture_contracts.topology import SUPERVISORS_QUEUE

Decide = Callable[[ApprovalRequested], Awaitable[None]]


class SupervisorsTool:
    """Keeps every request by its remediation; those that nobody decides by policy go to ``decide``."""

    def __init__(self, broker_url: str, decide: Decide) -> None:
        self._broker_url = broker_url
        self._decide = decide
        self._seen: dict[str, list[ApprovalRequested]] = {}
        self._arrived = asyncio.Condition()

    async def __aenter__(self) -> SupervisorsTool:
        self._connection = await aio_pika.connect(self._broker_url)
        channel = await self._connection.channel()
        await channel.set_qos(prefetch_count=10)
        queue = await channel.get_queue(SUPERVISORS_QUEUE)
        await queue.consume(self._on_approval_requested)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def was_told(self, remediation_id: str, within: float) -> bool:
        """Whether a request or notice about that remediation came, or comes within so many seconds."""
        try:
            async with asyncio.timeout(within), self._arrived:
                await self._arrived.wait_for(lambda: remediation_id in self._seen)
        except TimeoutError:
            return False
        return True

    async def _on_approval_requested(self, message: AbstractIncomingMessage) -> None:
        async with message.process(requeue=True):
            request = ApprovalRequested.model_validate_json(message.body)
            async with self._arrived:
                self._seen.setdefault(str(request.remediation_id), []).append(request)
                self._arrived.notify_all()
            if not request.notify_only:
                await self._decide(request)
