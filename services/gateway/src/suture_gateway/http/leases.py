"""Runs that agents carry out themselves: /api/targets/{id}/lease and /api/leases."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from suture_contracts import commands

from suture_gateway.http.bodies import documented, json_body
from suture_gateway.http.context import send
from suture_gateway.http.parameters import RunId, TargetId, TargetKeeper
from suture_gateway.http.requests import LeaseRenewal, LeaseRequest, LeaseResult

router = APIRouter(prefix="/api", tags=["leases"])


@router.put("/targets/{target_id:path}/lease", openapi_extra=documented(LeaseRequest))
async def take_lease(
    request: Request,
    caller: TargetKeeper,
    target_id: TargetId,
    body: Annotated[LeaseRequest, Depends(json_body(LeaseRequest))],
) -> JSONResponse:
    """Take what is to be run on a target of one's own: ``{bundle, watched}``, null where there is nothing."""
    reply = await send(request, caller, commands.TakeLease, target_id=target_id, home=body.home)
    return JSONResponse(reply.body, reply.status)


@router.put("/leases/{run_id}", openapi_extra=documented(LeaseRenewal))
async def renew_lease(
    request: Request,
    caller: TargetKeeper,
    run_id: RunId,
    body: Annotated[LeaseRenewal, Depends(json_body(LeaseRenewal))],
) -> JSONResponse:
    """Go on holding a lease: ``{run_id, seconds, abort, watched, progress_taken}``.

    One that lapsed is a conflict. Where the run is ``watched``, the next renewal says what it printed, from
    ``progress_taken`` of its record on.
    """
    reply = await send(request, caller, commands.RenewLease, run_id=run_id, **body.model_dump())
    return JSONResponse(reply.body, reply.status)


@router.put("/leases/{run_id}/result", openapi_extra=documented(LeaseResult))
async def end_lease(
    request: Request,
    caller: TargetKeeper,
    run_id: RunId,
    body: Annotated[LeaseResult, Depends(json_body(LeaseResult))],
) -> JSONResponse:
    """Hand in a run's result, signed with the agent's own key."""
    reply = await send(
        request, caller, commands.EndLease, run_id=run_id, token=body.token, result=body.result
    )
    return JSONResponse(reply.body, reply.status)
