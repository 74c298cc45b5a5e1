"""Commands: the owner's reply, or a problem, goes back to whoever asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, cast
from uuid import uuid4

import structlog
from aio_pika import IncomingMessage
from suture_contracts import ids
from suture_contracts.base import Command, Problem, Reply, Role

from suture_chassis import cloudevents
from suture_chassis.authority import Forged, Outlived
from suture_chassis.custody import Signer, sign_message
from suture_chassis.delivery import HANDLER_SECONDS, Delivery, Neighbours, parse
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.failures import attempts, next_delay
from suture_chassis.messages import Received
from suture_chassis.metrics import Result
from suture_chassis.outbox import SIGNATURE_HEADER
from suture_chassis.publisher import Outgoing, Publisher, Unroutable

DIRECT_REPLY = "amq.rabbitmq.reply-to"
_MAX_REPLY_TO = 250
_MAX_CORRELATION = 200
_MAX_STATE_FIELD = 10_000


def reply_type(command_type: str) -> str:
    """What a reply's signature is over, beside its body."""
    return f"{command_type}.reply"


def reply_id(correlation_id: str) -> str:
    """The id of the reply to what was asked under ``correlation_id``: no earlier answer can stand for it."""
    return f"{correlation_id}.reply"


class CommandDelivery(Delivery):
    """The queue of one command. ``roles``: who may ask; ``None`` leaves it to the handler."""

    def __init__(
        self,
        queue: str,
        model: type[Command],
        neighbours: Neighbours,
        handler: Callable[[Received[Any]], Awaitable[Reply]],
        *,
        roles: frozenset[Role] | None,
        service: str,
        signer: Signer,
        publisher: Publisher,
    ) -> None:
        super().__init__(queue, {model.TYPE: model}, neighbours)
        self._command = model
        self._handler = handler
        self._roles = roles
        self._source = f"suture/{service}"
        self._signer = signer
        self._publisher = publisher

    async def _handle(self, message: IncomingMessage) -> Result:
        expires_at: datetime | None = None
        try:
            received = self._received(message)
            expires_at = received.message.expires_at
            async with asyncio.timeout(HANDLER_SECONDS):
                reply = await self._handler(received)
        except (Forged, Outlived) as error:
            # Told to the sender, and kept as evidence.
            await self._answer(message, problem(error))
            raise
        except TemporaryError as error:
            if not message.reply_to or self._in_time(message, expires_at):
                raise
            reply = problem(error)
        except PermanentError as error:
            reply = problem(error)
            if not await self._answer(message, reply):
                raise
            return "answered"
        except Exception as error:
            if not message.reply_to:
                raise
            self._log.exception("command_failed")
            reply = problem(error)
        await self._answer(message, reply)
        return "answered"

    def _received(self, message: IncomingMessage) -> Received[Any]:
        envelope, model = self.read(message)
        parsed = cast(Command, parse(model, envelope.data))
        structlog.contextvars.bind_contextvars(
            type=envelope.type, command_id=parsed.command_id, principal=parsed.principal.id
        )
        signer = self._authority.of_command(parsed, envelope, message.headers)
        _check_time(parsed)
        if self._roles is not None and parsed.principal.role not in self._roles:
            raise PermanentError(
                f"the role {parsed.principal.role} may not {parsed.TYPE}",
                field="principal.role",
                remedy=f"ask somebody who is {' or '.join(sorted(self._roles))}",
                status=403,
            )
        return Received(
            message=parsed,
            id=parsed.command_id,
            source=f"api:{parsed.principal.id}",
            type=parsed.TYPE,
            body=envelope.data,
            digest=envelope.digest,
            signer=signer,
            attempt=attempts(message.headers),
            time=envelope.time,
        )

    def _in_time(self, message: IncomingMessage, expires_at: datetime | None) -> bool:
        delay = next_delay(message.headers)
        if delay is None:
            return False
        return expires_at is None or datetime.now(UTC) + timedelta(seconds=delay) < expires_at

    async def _answer(self, message: IncomingMessage, reply: Reply) -> bool:
        """Whether the reply went to somebody."""
        self._metrics.answered(self._command.TYPE, reply.status)
        target = message.reply_to
        if not target or len(target) > _MAX_REPLY_TO:
            return False
        body = reply.model_dump_json().encode()
        correlation_id = (message.correlation_id or "")[:_MAX_CORRELATION] or None
        id = reply_id(correlation_id or str(uuid4()))
        kind = reply_type(self._command.TYPE)
        headers = cloudevents.write(id=id, source=self._source, type=kind, time=datetime.now(UTC))
        headers["traceparent"] = self._telemetry.traceparent()
        headers[SIGNATURE_HEADER] = sign_message(
            self._signer, id=id, source=self._source, type=kind, digest=ids.sha256(body)
        )
        try:
            await self._publisher.publish(
                Outgoing(
                    "",
                    target,
                    body,
                    headers,
                    id,
                    correlation_id=correlation_id,
                    persistent=False,
                    # To the broker a direct reply address is no queue: a mandatory reply always comes back.
                    mandatory=not target.startswith(DIRECT_REPLY),
                )
            )
        except Unroutable:
            self._log.info("reply_unwanted", status=reply.status)
            return False
        return True


def problem(error: Exception) -> Reply:
    """The reply that says what went wrong; of an unexpected error, nothing of its inside."""
    if isinstance(error, PermanentError):
        state = _shown(error.current) if isinstance(error, Conflict) else None
        found = Problem(
            title=HTTPStatus(error.status).phrase,
            status=error.status,
            detail=error.reason,
            field=error.field,
            remedy=error.remedy,
            state=state or None,
        )
    elif isinstance(error, TemporaryError):
        found = Problem(
            title=HTTPStatus.SERVICE_UNAVAILABLE.phrase,
            status=503,
            detail="something that this needs does not answer",
            remedy="send the same command again, with the same command_id, in a few seconds",
        )
    else:
        found = Problem(
            title=HTTPStatus.INTERNAL_SERVER_ERROR.phrase,
            status=500,
            detail="the service failed; its log says more under this command_id",
            remedy="send the same command again, with the same command_id, later",
        )
    return Reply(status=found.status, problem=found)


def _shown(document: dict[str, Any]) -> dict[str, Any]:
    """A document as JSON; large parts are left out."""
    fields = {key: json.dumps(value, default=str) for key, value in document.items()}
    return {key: json.loads(text) for key, text in fields.items() if len(text) <= _MAX_STATE_FIELD}


def _check_time(command: Command) -> None:
    for name in ("issued_at", "expires_at"):
        if getattr(command, name).tzinfo is None:
            raise PermanentError(
                f"{name} has no time zone", field=name, remedy="append Z or an offset such as +00:00"
            )
    if command.expires_at <= datetime.now(UTC):
        raise PermanentError(
            f"the command expired at {command.expires_at.isoformat()}",
            field="expires_at",
            remedy="send it again with a later expires_at",
            status=410,
        )
