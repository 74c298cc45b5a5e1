"""The HTTP application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from suture_contracts.base import Problem

from suture_gateway.http import (
    actions,
    audit,
    dead_letters,
    events,
    leases,
    problems,
    remediations,
    scripts,
    targets,
    templates,
)
from suture_gateway.http.context import Api

_SUMMARY = (
    "Findings in; fixes that were checked, approved, run, verified and, if they failed, taken back, out."
)
_ERRORS = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 503)


def create_app(api: Api) -> FastAPI:
    """The application over its ports."""
    errors: dict[int | str, dict[str, Any]] = {
        status: {
            "content": {problems.MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
            "description": "Problem",
        }
        for status in _ERRORS
    }
    app = FastAPI(
        title="Suture",
        version="1",
        summary=_SUMMARY,
        docs_url=None,  # the page would load scripts from elsewhere
        redoc_url=None,
        responses=errors,
        redirect_slashes=False,
    )
    app.state.api = api
    parts = (scripts, actions, templates, remediations, events, leases, targets, dead_letters, audit)
    routers = [part.router for part in parts]
    for router in routers:
        app.include_router(router)

    @app.get("/health", tags=["health"], responses={})
    async def health() -> JSONResponse:
        """Whether the gateway can serve: open to anyone, says no more than that."""
        away = await api.ready()
        if away is not None:
            raise problems.problem(503, away, headers={"Retry-After": "2"})
        return JSONResponse({"status": "ok"})

    problems.install(app, [*app.routes, *(route for router in routers for route in router.routes)])
    return app
