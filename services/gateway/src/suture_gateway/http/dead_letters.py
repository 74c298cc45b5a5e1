"""Messages that no service could take: /api/dead-letters."""

from __future__ import annotations

import dataclasses

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from suture_gateway.http.context import api_of
from suture_gateway.http.parameters import LetterCursor, LetterId, LetterKeeper, LetterPrefix, Limit

router = APIRouter(prefix="/api/dead-letters", tags=["dead letters"])


@router.get("")
async def list_letters(
    request: Request,
    caller: LetterKeeper,
    limit: Limit = 50,
    after: LetterCursor = "",
    begins: LetterPrefix = "",
) -> JSONResponse:
    """The oldest dead letters, each with reason, field, remedy and where it came from; bodies only by id."""
    page = await api_of(request).letters.list(limit, after=after, begins=begins)
    letters = [dataclasses.asdict(letter) for letter in page.letters]
    for letter in letters:
        del letter["body"], letter["stack"]
    return JSONResponse({"dead_letters": letters, "next_after": page.next})


@router.get("/{letter_id}")
async def show_letter(request: Request, caller: LetterKeeper, letter_id: LetterId) -> JSONResponse:
    """One dead letter with its body and stack."""
    return JSONResponse(dataclasses.asdict(await api_of(request).letters.show(letter_id)))


@router.post("/{letter_id}/replay", status_code=202)
async def replay_letter(request: Request, caller: LetterKeeper, letter_id: LetterId) -> JSONResponse:
    """Send a dead letter back to the queue that it came from."""
    letter = await api_of(request).letters.replay(letter_id)
    return JSONResponse({"id": letter_id, "status": "replayed", "origin": letter.origin}, 202)


@router.delete("/{letter_id}")
async def drop_letter(request: Request, caller: LetterKeeper, letter_id: LetterId) -> JSONResponse:
    """Throw a dead letter away."""
    await api_of(request).letters.drop(letter_id)
    return JSONResponse({"id": letter_id, "status": "dropped"})
