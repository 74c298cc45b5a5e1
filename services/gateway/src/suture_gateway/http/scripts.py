"""The scripts and what may be done with them: /api/generative-remediation/generate and /scripts."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from suture_contracts import commands
from suture_contracts.base import Reply, ScriptType

from suture_gateway.domain import TERMINAL, UNSETTLED
from suture_gateway.http.answers import (
    ScriptAnswer,
    ScriptPage,
    ValidationAnswer,
    described,
)
from suture_gateway.http.bodies import documented, json_body
from suture_gateway.http.context import api_of, send
from suture_gateway.http.parameters import Cursor, Limit, Reader, Reference, Wait, Word, known_state
from suture_gateway.http.problems import problem
from suture_gateway.http.requests import (
    GenerateRequest,
    Nothing,
    TextRequest,
)
from suture_gateway.reading import reason_of, state_of
from suture_gateway.reads import Document
from suture_gateway.script_views import script_view, validation_view

BASE = "/api/generative-remediation"

router = APIRouter(prefix=BASE, tags=["scripts"])


@router.post(
    "/generate",
    status_code=202,
    openapi_extra=documented(GenerateRequest),
    responses=described(201, ScriptAnswer),
)
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


@router.get("/scripts", responses=described(200, ScriptPage))
async def list_scripts(
    request: Request,
    caller: Reader,
    status: Word = None,
    category: Word = None,
    anomaly_id: Annotated[Reference, Query(alias="anomalyId")] = None,
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
    if anomaly_id:
        query["script.reference"] = anomaly_id
    if script_type:
        query["script.script_type"] = script_type
    remediations = api_of(request).remediations
    page = await remediations.page(query, limit, cursor, texts=True)
    scripts = [script_view(document) for document in page.documents]
    total = await remediations.count(query)
    return JSONResponse({"scripts": scripts, "total": total, "nextCursor": page.cursor})


@router.get("/scripts/{script_id}", responses=described(200, ScriptAnswer))
async def get_script(request: Request, caller: Reader, script_id: UUID) -> JSONResponse:
    """One script as it stands now."""
    return JSONResponse(script_view(await _known(request, script_id)))


async def _known(request: Request, script_id: UUID) -> Document:
    """The folded remediation of a script. Raises 404."""
    document = await api_of(request).remediations.of_script(str(script_id))
    if document is None or "script" not in document:
        raise problem(404, "no such script", field="script_id", remedy=f"list them with GET {BASE}/scripts")
    return document


@router.post(
    "/scripts/{script_id}/validate",
    openapi_extra=documented(Nothing, required=False),
    responses=described(200, ValidationAnswer),
)
async def validate(
    request: Request,
    caller: Reader,
    script_id: UUID,
    body: Annotated[Nothing, Depends(json_body(Nothing, optional=True))],
) -> JSONResponse:
    """Analyse the script now, by the rules of today."""
    reply = await send(request, caller, commands.Validate, script_id=script_id)
    return _validated(reply, str(script_id))


@router.post("/validate", openapi_extra=documented(TextRequest), responses=described(200, ValidationAnswer))
async def validate_text(
    request: Request, caller: Reader, body: Annotated[TextRequest, Depends(json_body(TextRequest))]
) -> JSONResponse:
    """Analyse any text that is no script of the system's."""
    reply = await send(request, caller, commands.Validate, script_type=body.script_type, text=body.text)
    return _validated(reply, None)


def _validated(reply: Reply, script_id: str | None) -> JSONResponse:
    validation = validation_view(reply.body["validation"])
    return JSONResponse({"id": script_id, "revision": reply.body.get("revision"), "validation": validation})
