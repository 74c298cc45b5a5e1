"""The journal as it is stored: /api/audit. It says what was signed; the caller checks it, see ``Audit``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from suture_gateway.http.context import api_of
from suture_gateway.http.parameters import Limit, Supervisor

router = APIRouter(prefix="/api/audit", tags=["audit"])

After = Annotated[int, Query(ge=0, le=2**53, description="The number of the last entry that is known")]


@router.get("/entries")
async def list_entries(
    request: Request,
    caller: Supervisor,
    after: After = 0,
    limit: Limit = 200,
    remediation_id: UUID | None = None,
) -> JSONResponse:
    """Journal entries in their order, whole; of one remediation a page may be empty and not the last."""
    journal = api_of(request).journal
    if remediation_id is None:
        page, following = await journal.entries(after, limit)
    else:
        page, following = await journal.of_remediation(str(remediation_id), after)
    return _page("entries", page, following)


@router.get("/heads")
async def list_heads(
    request: Request, caller: Supervisor, after: After = 0, limit: Limit = 200
) -> JSONResponse:
    """The journal's signed heads in their order."""
    page, following = await api_of(request).journal.heads(after, limit)
    return _page("heads", page, following)


def _page(name: str, page: Sequence[BaseModel], following: int | None) -> JSONResponse:
    return JSONResponse({name: [each.model_dump() for each in page], "next_after": following})
