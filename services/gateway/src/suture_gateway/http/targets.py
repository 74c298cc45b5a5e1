"""The registered targets and the stop switch: /api/targets, /api/stop, /api/resume."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from suture_contracts import commands
from suture_contracts.target import Target

from suture_gateway.http.bodies import documented, json_body
from suture_gateway.http.context import send
from suture_gateway.http.parameters import Operator, Reader, TargetId, TargetKeeper
from suture_gateway.http.problems import problem
from suture_gateway.http.requests import ResumeRequest, StopRequest, TargetRequest

router = APIRouter(prefix="/api", tags=["targets"])


@router.get("/targets")
async def list_targets(request: Request, caller: Reader) -> JSONResponse:
    """Every registered target with its revision; with an agent's key the agent's own."""
    reply = await send(request, caller, commands.ListTargets)
    return JSONResponse(reply.body)


@router.get("/targets/{target_id:path}")
async def get_target(request: Request, caller: Reader, target_id: TargetId) -> JSONResponse:
    """One registered target."""
    reply = await send(request, caller, commands.ListTargets)
    known: list[dict[str, Any]] = reply.body["targets"]
    for entry in known:
        if entry["target"]["id"] == target_id:
            return JSONResponse(entry)
    raise problem(404, "no such target", field="target_id", remedy="list them with GET /api/targets")


@router.post(
    "/targets",
    status_code=201,
    openapi_extra=documented(TargetRequest),
    responses={200: {"description": "It was known: its next revision, or the one that it has"}},
)
async def register_target(
    request: Request, caller: TargetKeeper, body: Annotated[TargetRequest, Depends(json_body(TargetRequest))]
) -> JSONResponse:
    """Register a target, or write its next revision. An agent registers its own."""
    owner = body.owner or caller.id
    if caller.role == "agent" and owner != caller.id:
        raise problem(403, "an agent registers its own targets only", field="owner", remedy="leave owner out")
    fields = {**body.model_dump(exclude_none=True), "owner": owner}
    reply = await send(request, caller, commands.RegisterTarget, target=Target.model_validate(fields))
    return JSONResponse(reply.body, reply.status, {"Location": f"/api/targets/{body.id}"})


@router.post("/targets/{target_id:path}/check")
async def check_target(request: Request, caller: TargetKeeper, target_id: TargetId) -> JSONResponse:
    """Look whether a target can be reached, with which rights, and what is missing; changes nothing."""
    reply = await send(request, caller, commands.CheckTarget, target_id=target_id)
    return JSONResponse(reply.body, reply.status)


@router.delete("/targets/{target_id:path}")
async def remove_target(request: Request, caller: TargetKeeper, target_id: TargetId) -> JSONResponse:
    """Forget a target: nothing runs there any more."""
    reply = await send(request, caller, commands.RemoveTarget, target_id=target_id)
    return JSONResponse(reply.body, reply.status)


@router.post("/stop", openapi_extra=documented(StopRequest, required=False))
async def stop(
    request: Request,
    caller: Operator,
    body: Annotated[StopRequest, Depends(json_body(StopRequest, optional=True))],
) -> JSONResponse:
    """Start nothing (``pause``) or end what runs too (``abort``), on one target or everywhere."""
    reply = await send(
        request, caller, commands.Stop, target_id=body.target_id, mode=body.mode, reason=body.reason
    )
    return JSONResponse(reply.body, reply.status)


@router.post("/resume", openapi_extra=documented(ResumeRequest, required=False))
async def resume(
    request: Request,
    caller: Operator,
    body: Annotated[ResumeRequest, Depends(json_body(ResumeRequest, optional=True))],
) -> JSONResponse:
    """Lift a stop."""
    reply = await send(request, caller, commands.Resume, target_id=body.target_id)
    return JSONResponse(reply.body, reply.status)
