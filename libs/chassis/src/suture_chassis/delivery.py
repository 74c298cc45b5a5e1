"""What happens to a delivered message: read it, check its sender, hand it over, ack it, whatever comes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aio_pika import IncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from aiormq.exceptions import ChannelInvalidStateError
from pydantic import ValidationError
from structlog.typing import FilteringBoundLogger
from suture_contracts.base import Message

from suture_chassis import cloudevents
from suture_chassis.authority import Authority, Forged, Outlived
from suture_chassis.cloudevents import Envelope
from suture_chassis.errors import PermanentError, TemporaryError
from suture_chassis.failures import Failures, attempts, next_delay, original_key
from suture_chassis.messages import Received
from suture_chassis.metrics import Metrics, Result
from suture_chassis.outbox import SIGNATURE_HEADER
from suture_chassis.telemetry import Telemetry

UNKNOWN = "unknown"
HANDLER_SECONDS = 120.0
"""The broker closes a channel whose message is not acked in time: long work belongs into the store."""
_LOST = (*CONNECTION_EXCEPTIONS, ChannelInvalidStateError)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What every queue's delivery needs of its service."""

    authority: Authority
    failures: Failures
    metrics: Metrics
    telemetry: Telemetry
    log: FilteringBoundLogger


class Delivery(ABC):
    """The consumer of one queue; ``models`` are the messages that may be in it."""

    def __init__(self, queue: str, models: dict[str, type[Message]], neighbours: Neighbours) -> None:
        self.queue = queue
        self.idle = asyncio.Event()
        self.idle.set()
        self._running = 0
        self._models = models
        self._only = next(iter(models)) if len(models) == 1 else None
        self._failures = neighbours.failures
        self._metrics = neighbours.metrics
        self._metrics.expect((*models, UNKNOWN))
        self._telemetry = neighbours.telemetry
        self._authority = neighbours.authority
        self._log = neighbours.log

    async def __call__(self, message: IncomingMessage) -> None:
        """Handle and ack. Never raises but for cancellation; without an ack the broker delivers again."""
        self._running += 1
        self.idle.clear()
        started = time.perf_counter()
        kind = self._kind(message)
        result: Result = "unsettled"
        try:
            trace_id = self._telemetry.enter(message.headers)
            structlog.contextvars.bind_contextvars(
                queue=self.queue, message_id=message.message_id, trace_id=trace_id
            )
            if message.redelivered:
                self._metrics.redelivered(kind)
            with self._telemetry.span(f"{self.queue} process", {"messaging.destination.name": self.queue}):
                result = await self._settle(message, kind)
            # message.ack() would wait until the socket took it.
            await message.channel.basic_ack(message.delivery_tag or 0, wait=False)
        except _LOST as error:
            # The broker is gone, and with it this delivery: it comes again.
            self._log.warning("delivery_lost", error=repr(error))
        except Exception as error:
            self._log.error("delivery_unsettled", exc_info=error)
            await _give_back(message)
        finally:
            self._running -= 1
            if not self._running:
                self.idle.set()
            self._metrics.handled(kind, result, time.perf_counter() - started)

    async def _settle(self, message: IncomingMessage, kind: str) -> Result:
        try:
            return await self._handle(message)
        except asyncio.CancelledError:
            raise
        except PermanentError as error:
            if isinstance(error, Forged):
                self._metrics.forged(kind)
                self._log.warning("message_forged", type=kind, reason=error.reason)
            if isinstance(error, Outlived):
                self._metrics.outlived(kind)
            return await self._bury(message, kind, error)
        except Exception as error:
            known = isinstance(error, TemporaryError)
            if next_delay(message.headers) is None:
                return await self._bury(message, kind, error)
            self._log.warning("message_delayed", reason=str(error), exc_info=None if known else error)
            await self._failures.delay(message, self.queue)
            return "delayed"

    async def _bury(self, message: IncomingMessage, kind: str, error: Exception) -> Result:
        self._metrics.dead(kind)
        self._log.warning("message_dead", reason=str(error), field=getattr(error, "field", None))
        await self._failures.bury(message, self.queue, error)
        return "dead"

    @abstractmethod
    async def _handle(self, message: IncomingMessage) -> Result:
        """Do what the message asks; raises where it cannot."""

    def read(self, message: IncomingMessage) -> tuple[Envelope, type[Message]]:
        """The CloudEvent and its model. Raises ``PermanentError``."""
        envelope = cloudevents.read(message.headers, message.content_type, message.body)
        model = self._models.get(envelope.type)
        if model is None:
            raise PermanentError(
                f"the type {envelope.type!r} does not belong into {self.queue}",
                field="type",
                remedy=f"send one of: {', '.join(sorted(self._models))}"[:500],
            )
        # After a delay, or a replay, the broker routes by the queue's name.
        if message.routing_key not in (envelope.type, self.queue) or original_key(message) not in (
            envelope.type,
            self.queue,
        ):
            raise PermanentError(
                f"the routing key {original_key(message)!r} is not the type {envelope.type!r}",
                field="routing_key",
                remedy="publish with the CloudEvents type as routing key",
            )
        return envelope, model

    def received(
        self, envelope: Envelope, parsed: Message, signer: str | None, message: IncomingMessage
    ) -> Received[Any]:
        return Received(
            message=parsed,
            id=envelope.id,
            source=envelope.source,
            type=envelope.type,
            body=envelope.data,
            digest=envelope.digest,
            signer=signer,
            attempt=attempts(message.headers),
            time=envelope.time,
            signature=str(message.headers.get(SIGNATURE_HEADER)) if signer else None,
        )

    def _kind(self, message: IncomingMessage) -> str:
        if self._only is not None:
            return self._only
        key = original_key(message)
        return key if key in self._models else UNKNOWN


class EventDelivery(Delivery):
    """A queue of events."""

    def __init__(
        self,
        queue: str,
        models: dict[str, type[Message]],
        neighbours: Neighbours,
        handler: Callable[[Received[Any]], Awaitable[None]],
    ) -> None:
        super().__init__(queue, models, neighbours)
        self._handler = handler

    async def _handle(self, message: IncomingMessage) -> Result:
        envelope, model = self.read(message)
        signer = self._authority.of_event(envelope, message.headers)
        parsed = parse(model, envelope.data)
        remediation = getattr(parsed, "remediation_id", None)
        structlog.contextvars.bind_contextvars(
            type=envelope.type,
            message_id=envelope.id,
            remediation_id=str(remediation) if remediation else None,
        )
        async with asyncio.timeout(HANDLER_SECONDS):
            await self._handler(self.received(envelope, parsed, signer, message))
        return "done"


async def _give_back(message: IncomingMessage) -> None:
    # Neither ack nor copy: the queue's delivery limit ends this, not a busy loop.
    await asyncio.sleep(1)
    with contextlib.suppress(*_LOST):
        await message.nack(requeue=True)


def parse(model: type[Message], data: bytes) -> Message:
    """The message, or ``PermanentError`` with the field's path, what is wrong and what to do."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"])) or "body"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise PermanentError(
            f"{field[:300]}: {first['msg'][:500]}{more}",
            field=field[:300],
            remedy=_remedy(first["type"], model),
        ) from None


def _remedy(kind: str, model: type[Message]) -> str:
    if kind == "json_invalid":
        return "send one valid JSON document in UTF-8"
    if kind == "missing":
        return "add the field"
    return f"correct the field; the schema of {model.TYPE} says what it takes"
