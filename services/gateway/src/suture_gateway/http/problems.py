"""Every error as application/problem+json, with the field and the remedy named."""

from __future__ import annotations

import http as status_codes
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from pymongo.errors import PyMongoError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from suture_chassis.errors import PermanentError, TemporaryError
from suture_contracts.base import Problem

from suture_gateway.idempotency import KeyReused
from suture_gateway.keys import UnusableKeys
from suture_gateway.reads import BadCursor, TooManyWaiting

MEDIA_TYPE = "application/problem+json"
_RETRY = {"Retry-After": "2"}


class HttpProblem(Exception):
    """A problem to answer with."""

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(problem.title)
        self.problem = problem
        self.headers = dict(headers or {})


def problem(
    status: int,
    detail: str,
    *,
    field: str | None = None,
    remedy: str | None = None,
    state: dict[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpProblem:
    """A problem whose title is the status' own phrase."""
    title = status_codes.HTTPStatus(status).phrase
    made = Problem(title=title, status=status, detail=detail, field=field, remedy=remedy, state=state)
    return HttpProblem(made, headers)


def too_many(seconds: float, what: str) -> HttpProblem:
    """429 with the whole seconds after which to come again."""
    wait = str(max(1, math.ceil(seconds)))
    return problem(429, what, remedy=f"wait {wait} s before the next request", headers={"Retry-After": wait})


def answer(error: HttpProblem) -> JSONResponse:
    content = error.problem.model_dump(mode="json", exclude_none=True)
    return JSONResponse(content, error.problem.status, error.headers, MEDIA_TYPE)


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Answer every exception that may leave a route, and for a path that none of ``routes`` takes."""
    makers = {
        HttpProblem: lambda error: error,
        RequestValidationError: lambda error: of_validation(error.errors()),
        ValidationError: lambda error: of_validation(error.errors(include_url=False)),
        PermanentError: _of_permanent,
        TemporaryError: lambda error: _unavailable(error.reason),
        PyMongoError: lambda error: _unavailable("the store does not answer"),
        TimeoutError: lambda error: _unavailable("a neighbour did not answer in time"),
        UnusableKeys: lambda error: _unavailable(str(error)),
        TooManyWaiting: lambda error: too_many(5, "too many requests wait already"),
        BadCursor: lambda error: problem(
            422, str(error), field="cursor", remedy="leave it out to start over"
        ),
        KeyReused: lambda error: problem(
            422,
            "this Idempotency-Key came with another request before",
            field="Idempotency-Key",
            remedy="use a new key for a new request",
        ),
        Exception: lambda error: problem(
            500,
            "the gateway failed; the reason is in its log",
            remedy="report it with the time of this answer",
        ),
    }
    for kind, maker in makers.items():

        async def handle(request: Request, error: Exception, maker: Any = maker) -> JSONResponse:
            return answer(maker(error))

        app.add_exception_handler(kind, handle)

    async def not_routed(request: Request, error: Exception) -> JSONResponse:
        return answer(_of_routing(request, error, routes))

    app.add_exception_handler(HTTPException, not_routed)


def of_validation(errors: Sequence[Any]) -> HttpProblem:
    """422 for the first thing that is wrong, by the path of its field; the rest is counted."""
    first = errors[0]
    where = [str(part) for part in first.get("loc", ()) if part not in ("body", "query", "path")]
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    field = ".".join(where)[:200] or None
    message = str(first.get("msg", "invalid")).removeprefix("Value error, ")[:1_000]
    return problem(
        422, f"{message}{more}", field=field, remedy=f"correct {field or 'the request'} and send it again"
    )


def _of_routing(request: Request, error: Any, routes: Sequence[BaseRoute]) -> HttpProblem:
    if error.status_code == 404:
        return problem(404, "there is nothing at this path", remedy="see /openapi.json for what there is")
    if error.status_code == 405:
        allowed = ", ".join(_methods(request, routes))
        return problem(
            405, "this path does not take this method", remedy=f"use {allowed}", headers={"Allow": allowed}
        )
    return problem(error.status_code, str(error.detail), headers=error.headers)


def _methods(request: Request, routes: Sequence[BaseRoute]) -> list[str]:
    """All that the path takes: each method has a route of its own, and an error names the first one's."""
    taken = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in taken for method in getattr(route, "methods", None) or ()})


def _of_permanent(error: PermanentError) -> HttpProblem:
    return problem(error.status, error.reason, field=error.field, remedy=error.remedy)


def _unavailable(reason: str) -> HttpProblem:
    return problem(
        503, reason, remedy="try again with the same Idempotency-Key in a few seconds", headers=_RETRY
    )
