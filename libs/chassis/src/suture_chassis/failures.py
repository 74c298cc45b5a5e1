"""Where a message goes that could not be handled: a delay queue, or the dead letters."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aio_pika import IncomingMessage
from suture_contracts.topology import DEAD_EXCHANGE, DELAYS_SECONDS, delay_exchange

from suture_chassis.errors import PermanentError, TemporaryError
from suture_chassis.publisher import Outgoing, Publisher

ATTEMPT = "suture_attempt"
ROUTING_KEY = "suture_routing_key"
DEAD_PREFIX = "suture_dead_"
_MEND = "correct what the reason names and send it anew: the same message would fail the same"
_LOOK = "look at the stack, remove the cause, then replay"
_MAX_STACK = 8_000
_MAX_TEXT = 1_000
_MAX_HEADERS = 32_000
# The broker's own account of hops: a copy starts without it, else it is taken for one that goes in circles.
_BROKERS = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-opt-")


class Failures:
    """Publishes the copy of a failed message; the original is acked once the copy is confirmed."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def delay(self, message: IncomingMessage, queue: str) -> None:
        """Back to ``queue`` after the next delay. The caller checks ``next_delay`` first."""
        tried = attempts(message.headers)
        headers = _kept(message.headers) | {ATTEMPT: tried + 1, ROUTING_KEY: original_key(message)}
        await self._publish(_copy(message, delay_exchange(DELAYS_SECONDS[tried]), queue, headers))

    async def bury(self, message: IncomingMessage, queue: str, error: BaseException) -> None:
        """Into the dead letters, with why."""
        headers = _kept(message.headers) | death(error, queue) | {ROUTING_KEY: original_key(message)}
        await self._publish(_copy(message, DEAD_EXCHANGE, original_key(message), headers))

    async def _publish(self, copy: Outgoing) -> None:
        try:
            await self._publisher.publish(copy)
        except TemporaryError:
            raise
        except Exception:
            # A stranger's header that can be read but not written again: keep only what always can.
            plain = {key: value for key, value in copy.headers.items() if isinstance(value, (str, int))}
            await self._publisher.publish(replace(copy, headers=plain))


def next_delay(headers: Mapping[str, Any]) -> int | None:
    """Seconds until the next attempt; ``None`` when the delays are used up."""
    tried = attempts(headers)
    return DELAYS_SECONDS[tried] if tried < len(DELAYS_SECONDS) else None


def attempts(headers: Mapping[str, Any]) -> int:
    """How often the message was delayed before. A value that is none of ours counts as used up."""
    value = headers.get(ATTEMPT, 0)
    if isinstance(value, int) and 0 <= value <= len(DELAYS_SECONDS):
        return value
    return len(DELAYS_SECONDS)


def original_key(message: IncomingMessage) -> str:
    """The routing key that the message was first published with."""
    kept = message.headers.get(ROUTING_KEY)
    return (kept if isinstance(kept, str) else message.routing_key or "")[:250]


def death(error: BaseException, queue: str) -> dict[str, Any]:
    """The headers that say why, where and when a message was given up."""
    permanent = error if isinstance(error, PermanentError) else None
    stack = "".join(traceback.format_exception(error))[-_MAX_STACK:]
    found = {
        "reason": str(error) or type(error).__name__,
        "error": type(error).__name__,
        "field": (permanent.field or "body") if permanent else None,
        "remedy": (permanent.remedy or _MEND) if permanent else _LOOK,
        "origin": queue,
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }
    headers = {DEAD_PREFIX + name: value[:_MAX_TEXT] for name, value in found.items() if value}
    return headers | {DEAD_PREFIX + "stack": stack}


def _kept(headers: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in headers.items() if not key.startswith((*_BROKERS, DEAD_PREFIX))}
    if len(repr(kept)) <= _MAX_HEADERS:
        return kept
    # A frame with all of them and ours would be too large for the connection.
    small = {key: value for key, value in kept.items() if len(key) < 100 and len(repr(value)) < 500}
    return dict(list(small.items())[:40]) | {"suture_headers_dropped": len(kept)}


def _copy(message: IncomingMessage, exchange: str, key: str, headers: dict[str, Any]) -> Outgoing:
    return Outgoing(
        exchange,
        key,
        message.body,
        headers,
        message.message_id or "",
        content_type=message.content_type or "application/json",
        correlation_id=message.correlation_id,
        reply_to=message.reply_to,
    )
