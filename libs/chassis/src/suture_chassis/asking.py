"""Asking a command's owner over the broker's direct reply-to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel, AbstractRobustConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.exceptions import ChannelInvalidStateError, PublishError
from pydantic import ValidationError
from suture_contracts import ids
from suture_contracts.base import Command, Reply
from suture_contracts.topology import COMMANDS_EXCHANGE, OWNERS

from suture_chassis import cloudevents
from suture_chassis.answering import DIRECT_REPLY, reply_id, reply_type
from suture_chassis.authority import Authority
from suture_chassis.custody import Signer, sign_message
from suture_chassis.errors import PermanentError, TemporaryError
from suture_chassis.outbox import SIGNATURE_HEADER
from suture_chassis.publisher import Outgoing, send
from suture_chassis.telemetry import Telemetry

_LOST = (*CONNECTION_EXCEPTIONS, ChannelInvalidStateError, ConnectionError, RuntimeError)


class Asking:
    """Sends commands and waits for their replies, on a channel of its own."""

    def __init__(self, service: str, signer: Signer, authority: Authority, telemetry: Telemetry) -> None:
        self._source = f"suture/{service}"
        self._signer = signer
        self._authority = authority
        self._telemetry = telemetry
        self._channel: AbstractRobustChannel | None = None
        self._waiting: dict[str, asyncio.Future[AbstractIncomingMessage]] = {}

    async def open(self, connection: AbstractRobustConnection) -> None:
        self._channel = connection.channel(publisher_confirms=True, on_return_raises=True)
        await self._channel.initialize()
        # The reply queue is the channel's own; it is consumed again after a reconnect.
        queue = await self._channel.declare_queue(DIRECT_REPLY, passive=True)
        await queue.consume(self._on_reply, no_ack=True)

    async def ask(self, command: Command, timeout: float) -> Reply:  # noqa: ASYNC109
        """The owner's reply. Raises ``TemporaryError`` when nobody answers in time (seconds)."""
        if self._channel is None:
            raise TemporaryError("the broker is not connected")
        correlation_id = uuid4().hex
        future = self._waiting[correlation_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout):
                with self._telemetry.span(f"{command.TYPE} ask", {}, producer=True):
                    await send(self._channel, self._outgoing(command, correlation_id))
                message = await future
        except PublishError as error:
            raise TemporaryError(f"nobody takes the command {command.TYPE}") from error
        except TimeoutError as error:
            raise TemporaryError(f"{OWNERS[command.TYPE]} did not answer within {timeout:g} s") from error
        except _LOST as error:
            raise TemporaryError(f"the broker did not take the command: {type(error).__name__}") from error
        finally:
            del self._waiting[correlation_id]
        return self._read(command, correlation_id, message)

    def _outgoing(self, command: Command, correlation_id: str) -> Outgoing:
        body = command.model_dump_json().encode()
        headers = cloudevents.write(
            id=command.command_id, source=self._source, type=command.TYPE, time=datetime.now(UTC)
        )
        headers["traceparent"] = self._telemetry.traceparent()
        headers[SIGNATURE_HEADER] = sign_message(
            self._signer,
            id=command.command_id,
            source=self._source,
            type=command.TYPE,
            digest=ids.sha256(body),
        )
        return Outgoing(
            COMMANDS_EXCHANGE,
            command.TYPE,
            body,
            headers,
            command.command_id,
            correlation_id=correlation_id,
            reply_to=DIRECT_REPLY,
        )

    async def _on_reply(self, message: AbstractIncomingMessage) -> None:
        future = self._waiting.get(message.correlation_id or "")
        if future is not None and not future.done():
            future.set_result(message)

    def _read(self, command: Command, correlation_id: str, message: AbstractIncomingMessage) -> Reply:
        owner = OWNERS[command.TYPE]
        try:
            envelope = cloudevents.read(message.headers, message.content_type, message.body)
            self._authority.of_reply(owner, reply_type(command.TYPE), envelope, message.headers)
            if envelope.id != reply_id(correlation_id):
                raise PermanentError(
                    "it answers something else", field="id", remedy="reply to what was asked"
                )
            return Reply.model_validate_json(message.body)
        except (PermanentError, ValidationError) as error:
            raise TemporaryError(f"the reply is not {owner}'s: {error}") from error
