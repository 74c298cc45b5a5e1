"""What may be done with a script: approve, deny, execute, report."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from suture_contracts import commands

from suture_gateway.domain import TERMINAL
from suture_gateway.http.answers import (
    ExecutionAnswer,
    described,
)
from suture_gateway.http.bodies import documented, json_body
from suture_gateway.http.context import api_of, send
from suture_gateway.http.parameters import Reader, Supervisor, Wait
from suture_gateway.http.problems import problem
from suture_gateway.http.requests import (
    DecisionRequest,
    Nothing,
    ReportRequest,
    camel_keys,
)
from suture_gateway.http.scripts import BASE
from suture_gateway.reading import state_of
from suture_gateway.reads import Document
from suture_gateway.script_views import execution_view

_FOLD_SECONDS = 3.0
"""How long a script may be known to its owners before the fold has it."""

router = APIRouter(prefix=BASE, tags=["scripts"])


@router.post("/scripts/{script_id}/approve", openapi_extra=documented(DecisionRequest))
async def approve(
    request: Request,
    caller: Supervisor,
    script_id: UUID,
    body: Annotated[DecisionRequest, Depends(json_body(DecisionRequest))],
) -> JSONResponse:
    """Approve exactly the revision and digest that were seen."""
    return await _decide(request, caller, commands.Approve, script_id, body)


@router.post("/scripts/{script_id}/deny", openapi_extra=documented(DecisionRequest))
async def deny(
    request: Request,
    caller: Supervisor,
    script_id: UUID,
    body: Annotated[DecisionRequest, Depends(json_body(DecisionRequest))],
) -> JSONResponse:
    """Deny exactly the revision and digest that were seen."""
    return await _decide(request, caller, commands.Deny, script_id, body)


async def _decide(
    request: Request,
    caller: Supervisor,
    kind: type[commands.Decision],
    script_id: UUID,
    body: DecisionRequest,
) -> JSONResponse:
    reply = await send(
        request,
        caller,
        kind,
        script_id=script_id,
        approval_id=body.approval_id,
        revision=body.revision,
        digest=body.digest,
        reason=body.reason,
    )
    answer = camel_keys(reply.body)
    return JSONResponse({"id": str(script_id), "status": answer.pop("state", None), **answer}, reply.status)


@router.post(
    "/scripts/{script_id}/execute",
    openapi_extra=documented(Nothing, required=False),
    responses=described(200, ExecutionAnswer) | described(202, ExecutionAnswer),
)
async def execute(
    request: Request,
    caller: Reader,
    script_id: UUID,
    body: Annotated[Nothing, Depends(json_body(Nothing, optional=True))],
    wait: Wait = 0,
) -> JSONResponse:
    """Run the script once it is approved. 200 with the outcome where ``wait`` was long enough, else 202."""
    api = api_of(request)
    remediation_id = await _remediation_of(request, script_id)
    reply = await send(request, caller, commands.Execute, script_id=script_id)
    document = await api.remediations.wait(remediation_id, _ended, wait)
    if document is None:
        raise problem(404, "no such script", field="script_id")
    answer = execution_view(document, reply.body.get("execution_id"))
    return JSONResponse(answer, 202 if answer["status"] == "PENDING" else 200)


def _ended(document: Document) -> bool:
    return state_of(document) in TERMINAL


async def _remediation_of(request: Request, script_id: UUID) -> str:
    """The script's remediation; a script that its owner announced a moment ago may not be folded yet."""
    found = await api_of(request).remediations.wait_for_script(str(script_id), _FOLD_SECONDS)
    if found is None:
        raise problem(404, "no such script", field="script_id", remedy=f"list them with GET {BASE}/scripts")
    return str(found["_id"])


@router.post("/scripts/{script_id}/report", openapi_extra=documented(ReportRequest))
async def report(
    request: Request,
    caller: Reader,
    script_id: UUID,
    body: Annotated[ReportRequest, Depends(json_body(ReportRequest))],
) -> JSONResponse:
    """Say what an agent saw when it ran the script itself; kept as a report, never as proof."""
    fields = {name: getattr(body, name) for name in ReportRequest.model_fields}
    reply = await send(request, caller, commands.ReportResult, script_id=script_id, **fields)
    return JSONResponse({"id": str(script_id), **camel_keys(reply.body)}, reply.status)
