"""What the routes need, and who may call them."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from suture_chassis.dead_letters import DeadLetters
from suture_contracts.base import Command, Principal, Reply, Role

from suture_gateway.audit import JournalReads
from suture_gateway.http.problems import HttpProblem, problem, too_many
from suture_gateway.idempotency import IdempotencyKeys
from suture_gateway.keys import KeyRing
from suture_gateway.rate import RateLimit
from suture_gateway.reads import Remediations

READERS: tuple[Role, ...] = ("agent", "operator", "supervisor", "admin")
OPERATORS: tuple[Role, ...] = ("operator", "supervisor", "admin")
SUPERVISORS: tuple[Role, ...] = ("supervisor", "admin")
LETTERS: tuple[Role, ...] = ("operator", "admin")
TARGETS: tuple[Role, ...] = ("agent", "operator", "admin")

_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")
_MAX_TOKEN_CHARACTERS = 500
# Says in OpenAPI that a key is needed; it is looked at below.
_BEARER = HTTPBearer(auto_error=False, description="The API key that the operator gave out")
COMMAND_LIFE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Api:
    """The ports behind the routes; ``ready`` says what is away, or nothing."""

    send_command: Callable[[Command], Awaitable[Reply]]
    remediations: Remediations
    idempotency: IdempotencyKeys
    keys: KeyRing
    callers: RateLimit
    strangers: RateLimit
    letters: DeadLetters
    journal: JournalReads
    ready: Callable[[], Awaitable[str | None]]
    progress_calls: asyncio.Semaphore
    """So many may ask at once what runs print: the executor has other things to do."""
    closing: asyncio.Event
    """Set when the service stops: streams end then."""


def api_of(request: Request) -> Api:
    api: Api = request.app.state.api
    return api


def requires(*roles: Role) -> Callable[..., Awaitable[Principal]]:
    """A dependency: the caller, when their role is one of ``roles``."""

    async def caller(
        request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> Principal:
        api = api_of(request)
        principal = _authenticated(api, request)
        wait = api.callers.take(principal.id)
        if wait:
            raise too_many(wait, "too many requests with this key")
        if principal.role not in roles:
            raise problem(
                403,
                f"the role {principal.role} may not do this",
                remedy=f"use a key with one of the roles {', '.join(roles)}",
            )
        _only_known_parameters(request)
        return principal

    return caller


def _only_known_parameters(request: Request) -> None:
    """A filter that is misspelt would silently be none at all. Raises 422."""
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    for name in request.query_params:
        if name not in known:
            remedy = f"use {', '.join(sorted(known))}" if known else "leave it out"
            raise problem(422, "there is no such parameter here", field=name[:200], remedy=remedy)


def _authenticated(api: Api, request: Request) -> Principal:
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    address = request.client.host if request.client else "unknown"
    if scheme.lower() != "bearer" or not token:
        raise _unauthenticated("no API key was sent")
    principal = api.keys.authenticate(token) if len(token) <= _MAX_TOKEN_CHARACTERS else None
    if principal is None:
        wait = api.strangers.take(address)
        if wait:
            raise too_many(wait, "too many requests with unknown keys")
        raise _unauthenticated("the API key is not known")
    return principal


def _unauthenticated(detail: str) -> HttpProblem:
    return problem(
        401,
        detail,
        field="Authorization",
        remedy="send the header Authorization: Bearer KEY",
        headers={"WWW-Authenticate": 'Bearer realm="suture"'},
    )


async def send(request: Request, caller: Principal, kind: type[Command], **fields: Any) -> Reply:
    """Send a command for ``caller`` to its owner, once per Idempotency-Key. Raises the owner's problem."""
    api = api_of(request)
    key = request.headers.get("idempotency-key")
    command_id = f"http-{uuid4().hex}"
    if key is not None:
        if not _KEY.match(key):
            raise problem(
                422, "not a key", field="Idempotency-Key", remedy="use 1 to 200 printable ASCII characters"
            )
        command_id, known = await api.idempotency.claim(caller.id, key, _digest(request))
        if known is not None:
            return known
    now = datetime.now(UTC)
    command = kind(
        command_id=command_id, principal=caller, issued_at=now, expires_at=now + COMMAND_LIFE, **fields
    )
    reply = await api.send_command(command)
    if reply.problem is not None:
        raise HttpProblem(reply.problem, {"Retry-After": "2"} if reply.problem.status in (429, 503) else None)
    if reply.status >= 400:
        raise problem(reply.status, "the owner refused the command")
    if key is not None:
        await api.idempotency.remember(command_id, reply)
    return reply


def _digest(request: Request) -> str:
    body: bytes = getattr(request.state, "body", b"")
    # The query is left out: a caller that asks again may wait longer.
    head = f"{request.method} {request.url.path}\n".encode()
    return hashlib.sha256(head + body).hexdigest()
