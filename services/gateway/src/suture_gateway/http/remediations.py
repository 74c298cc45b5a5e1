"""Findings in, remediations out: /api/findings, /api/vulnerabilities, /api/remediations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from suture_chassis.errors import TemporaryError
from suture_contracts import commands
from suture_contracts.base import Principal, Reply
from suture_contracts.findings import RcaReceived, VulnerabilityReported

from suture_gateway.domain import TERMINAL, WAITING
from suture_gateway.http import reports
from suture_gateway.http.answers import Opened, RemediationAnswer, RemediationPage, described
from suture_gateway.http.bodies import MAX_BODY_BYTES, documented, json_body, parsed, require_json
from suture_gateway.http.context import COMMAND_LIFE, api_of, send
from suture_gateway.http.parameters import Cursor, Limit, Operator, Reader, Wait, Word, known_state
from suture_gateway.http.problems import problem
from suture_gateway.http.requests import BatchRequest, ReasonRequest, ScriptRequest
from suture_gateway.reading import state_of
from suture_gateway.reads import Document
from suture_gateway.views import remediation_summary, remediation_view

router = APIRouter(prefix="/api", tags=["remediations"])


@router.post(
    "/findings", status_code=202, openapi_extra=documented(RcaReceived), responses=described(202, Opened)
)
async def submit_finding(
    request: Request, caller: Reader, body: Annotated[RcaReceived, Depends(json_body(RcaReceived))]
) -> JSONResponse:
    """Submit a root-cause finding; its fix runs by itself where policy allows, unless ``start`` says no."""
    return await _open(request, caller, finding=body, start=body.start)


@router.post(
    "/vulnerabilities",
    status_code=202,
    openapi_extra=documented(VulnerabilityReported),
    responses=described(202, Opened),
)
async def submit_vulnerability(request: Request, caller: Reader) -> JSONResponse:
    """Submit a vulnerability of a package, or a report: OSV records, Trivy's or Grype's JSON.

    A report opens one remediation for each package; ``host`` names the system where the report does not.
    """
    with await reports.spool(request) as body:
        require_json(request)
        if reports.looks_like_report(body):
            return JSONResponse(await reports.open_all(request, caller, body), 202)
        data = body.read(MAX_BODY_BYTES + 1)
    if len(data) > MAX_BODY_BYTES:
        raise problem(413, f"the body is larger than {MAX_BODY_BYTES} bytes", remedy="send less")
    request.state.body = data
    vulnerability = parsed(data, VulnerabilityReported)
    return await _open(request, caller, vulnerability=vulnerability, start=vulnerability.start)


@router.post(
    "/scripts", status_code=202, openapi_extra=documented(ScriptRequest), responses=described(202, Opened)
)
async def submit_script(
    request: Request, caller: Operator, body: Annotated[ScriptRequest, Depends(json_body(ScriptRequest))]
) -> JSONResponse:
    """Submit a script of one's own for registered targets: it is validated, approved by others, and run.

    With ``start`` ``rehearsal`` it is rehearsed instead, and that is its end.
    """
    return _opened(await send(request, caller, commands.SubmitScript, script=body.script(), start=body.start))


@router.post("/vulnerabilities/batch", status_code=202, openapi_extra=documented(BatchRequest))
async def open_batch(
    request: Request, caller: Operator, body: Annotated[BatchRequest, Depends(json_body(BatchRequest))]
) -> JSONResponse:
    """Open a remediation for each reported vulnerability of the filter, once a day each.

    ``next`` of the answer is the ``after`` of the request that takes the rest. ``max_tokens`` and ``max_usd``
    bound what models take for the day and filter; ``budget`` of the answer says what they took so far, and
    how many remediations were left for want of it: the same request with more takes them up.
    """
    reply = await send(request, caller, commands.Batch, **body.model_dump(exclude_none=True))
    answer = dict(reply.body)
    if budget := answer.get("budget"):
        answer["budget"] = {**budget, "spent": await _spent(request, caller, budget["id"])}
    return JSONResponse(answer, 202)


async def _spent(request: Request, caller: Principal, budget_id: str) -> dict[str, object] | None:
    """``None`` where the generator does not answer now: the batch is open all the same."""
    now = datetime.now(UTC)
    command = commands.ShowSpending(
        command_id=f"http-{uuid4().hex}",
        principal=caller,
        issued_at=now,
        expires_at=now + COMMAND_LIFE,
        budget_id=budget_id,
    )
    try:
        spent = await api_of(request).send_command(command)
    except TemporaryError:
        return None
    return dict(spent.body) if spent.status == 200 else None


async def _open(request: Request, caller: Principal, **fields: object) -> JSONResponse:
    return _opened(await send(request, caller, commands.Generate, **fields))


def _opened(reply: Reply) -> JSONResponse:
    location = {"Location": f"/api/remediations/{reply.body['remediation_id']}"}
    return JSONResponse(reply.body, 202, location)


@router.get("/remediations", responses=described(200, RemediationPage))
async def list_remediations(
    request: Request, caller: Reader, state: Word = None, limit: Limit = 50, cursor: Cursor = None
) -> JSONResponse:
    """The remediations, newest first, without their scripts and reports."""
    query: Document = {"head.state": state} if known_state(state, "state") else {}
    page = await api_of(request).remediations.page(query, limit, cursor, texts=False)
    summaries = [remediation_summary(document) for document in page.documents]
    return JSONResponse({"remediations": summaries, "next_cursor": page.cursor})


@router.get("/remediations/{remediation_id}", responses=described(200, RemediationAnswer))
async def get_remediation(
    request: Request, caller: Reader, remediation_id: UUID, wait: Wait = 0, since: Word = None
) -> JSONResponse:
    """One remediation with all that is known of it.

    ``wait``: answer when its state is another than ``since``; without ``since``, when it ended or waits for
    someone.
    """
    known_state(since, "since")

    def until(document: Document) -> bool:
        state = state_of(document)
        return state != since if since else state in TERMINAL or state in WAITING

    document = await api_of(request).remediations.wait(str(remediation_id), until, wait)
    return JSONResponse(remediation_view(_found(document)))


def _found(document: Document | None) -> Document:
    if document is None:
        raise problem(
            404, "no such remediation", field="remediation_id", remedy="list them with GET /api/remediations"
        )
    return document


@router.post(
    "/remediations/{remediation_id}/rollback", status_code=202, openapi_extra=documented(ReasonRequest)
)
async def roll_back(
    request: Request,
    caller: Operator,
    remediation_id: UUID,
    body: Annotated[ReasonRequest, Depends(json_body(ReasonRequest, optional=True))],
) -> JSONResponse:
    """Take a remediation's execution back."""
    document = _found(await api_of(request).remediations.get(str(remediation_id)))
    execution = document.get("execution")
    if execution is None:
        raise problem(
            409,
            "nothing was executed that could be taken back",
            remedy="deny the script instead",
            state={"state": state_of(document)},
        )
    reply = await send(
        request, caller, commands.RequestRollback, execution_id=execution["execution_id"], reason=body.reason
    )
    location = {"Location": f"/api/remediations/{remediation_id}"}
    return JSONResponse({"remediation_id": str(remediation_id), **reply.body}, 202, location)
