"""The scripts and what may be done with them: /api/generative-remediation/generate and /scripts."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from suture_contracts import commands
from suture_contracts.base import Reply, ScriptType

from suture_gateway.domain import TERMINAL, UNSETTLED
from suture_gateway.http.bodies import documented, json_body
from suture_gateway.http.context import api_of, send
from suture_gateway.http.parameters import Cursor, Limit, Reader, Supervisor, Wait, Word, known_state
from suture_gateway.http.problems import problem
from suture_gateway.http.requests import (
    DecisionRequest,
    GenerateRequest,
    Nothing,
    ReportRequest,
    TextRequest,
    camel_keys,
)
from suture_gateway.reading import reason_of, state_of
from suture_gateway.reads import Document
from suture_gateway.script_views import execution_view, script_view, validation_view

BASE = "/api/generative-remediation"
_FOLD_SECONDS = 3.0
"""How long a script may be known to its owners before the fold has it."""

router = APIRouter(prefix=BASE, tags=["scripts"])


@router.post("/generate", status_code=202, openapi_extra=documented(GenerateRequest))
async def generate(
    request: Request,
    caller: Reader,
    body: Annotated[GenerateRequest, Depends(json_body(GenerateRequest))],
    wait: Wait = 0,
) -> JSONResponse:
    """Ask for a script. 201 with it where ``wait`` was long enough, else 202; 200 where none will come."""
    reply = await send(request, caller, commands.Generate, finding=body.finding(), start="on_request")
    remediation_id, script_id = str(reply.body["remediation_id"]), str(reply.body["script_id"])
    document = await api_of(request).remediations.wait(remediation_id, _settled, wait)
    headers = {"Location": f"{BASE}/scripts/{script_id}"}
    if wait and document is not None and "script" in document:
        return JSONResponse(script_view(document), 201, headers)
    state = "received" if document is None else state_of(document)
    answer: dict[str, Any] = {"id": script_id, "remediationId": remediation_id, "status": state}
    if document is not None and state in TERMINAL:
        return JSONResponse({**answer, "error": reason_of(document)}, 200, headers)
    return JSONResponse(answer, 202, headers)


def _settled(document: Document) -> bool:
    return state_of(document) not in UNSETTLED


@router.get("/scripts")
async def list_scripts(
    request: Request,
    caller: Reader,
    status: Word = None,
    category: Word = None,
    script_type: Annotated[ScriptType | None, Query(alias="scriptType")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """The generated scripts, newest first."""
    query: Document = {"script.revision": {"$gte": 1}}
    if known_state(status, "status"):
        query["head.state"] = status
    if category:
        query["script.category"] = category
    if script_type:
        query["script.script_type"] = script_type
    remediations = api_of(request).remediations
    page = await remediations.page(query, limit, cursor, texts=True)
    scripts = [script_view(document) for document in page.documents]
    total = await remediations.count(query)
    return JSONResponse({"scripts": scripts, "total": total, "nextCursor": page.cursor})


@router.get("/scripts/{script_id}")
async def get_script(request: Request, caller: Reader, script_id: UUID) -> JSONResponse:
    """One script as it stands now."""
    return JSONResponse(script_view(await _known(request, script_id)))


async def _known(request: Request, script_id: UUID) -> Document:
    """The folded remediation of a script. Raises 404."""
    document = await api_of(request).remediations.of_script(str(script_id))
    if document is None or "script" not in document:
        raise problem(404, "no such script", field="script_id", remedy=f"list them with GET {BASE}/scripts")
    return document


@router.post("/scripts/{script_id}/validate", openapi_extra=documented(Nothing, required=False))
async def validate(
    request: Request,
    caller: Reader,
    script_id: UUID,
    body: Annotated[Nothing, Depends(json_body(Nothing, optional=True))],
) -> JSONResponse:
    """Analyse the script now, by the rules of today."""
    reply = await send(request, caller, commands.Validate, script_id=script_id)
    return _validated(reply, str(script_id))


@router.post("/validate", openapi_extra=documented(TextRequest))
async def validate_text(
    request: Request, caller: Reader, body: Annotated[TextRequest, Depends(json_body(TextRequest))]
) -> JSONResponse:
    """Analyse any text that is no script of the system's."""
    reply = await send(request, caller, commands.Validate, script_type=body.script_type, text=body.text)
    return _validated(reply, None)


def _validated(reply: Reply, script_id: str | None) -> JSONResponse:
    validation = validation_view(reply.body["validation"])
    return JSONResponse({"id": script_id, "revision": reply.body.get("revision"), "validation": validation})


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


@router.post("/scripts/{script_id}/execute", openapi_extra=documented(Nothing, required=False))
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
