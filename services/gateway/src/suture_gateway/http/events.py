"""One remediation as it goes on, as server-sent events: /api/remediations/{id}/events."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from suture_chassis.errors import TemporaryError
from suture_contracts.base import Principal
from suture_contracts.commands import ShowProgress

from suture_gateway.domain import RUNNING, TERMINAL
from suture_gateway.http.context import COMMAND_LIFE, Api, api_of
from suture_gateway.http.parameters import Reader
from suture_gateway.http.problems import problem
from suture_gateway.reading import reason_of, state_of, states_of
from suture_gateway.reads import TooManyWaiting

LONGEST_SECONDS = 900.0
"""Then the stream ends; with its last event's id a client goes on from there."""
_LOOK_SECONDS = 0.5
_HEARTBEAT_SECONDS = 10.0
_PLACE = re.compile(r"([0-9]{1,4});([0-9]{1,5}:[0-9]{1,9})")

router = APIRouter(prefix="/api", tags=["remediations"])


@router.get(
    "/remediations/{remediation_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "state, step, output, end"}},
)
async def follow(
    request: Request,
    caller: Reader,
    remediation_id: UUID,
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> StreamingResponse:
    """Server-sent events: ``state``, ``step``, ``output`` (a line), ``end``.

    Steps are check, rehearse, apply, verify and rollback, or what the target's kind has of them.
    Output is masked and bounded, and not kept: what was printed last is in the remediation's ``runs``.
    """
    api = api_of(request)
    if await api.remediations.get(str(remediation_id)) is None:
        raise problem(
            404, "no such remediation", field="remediation_id", remedy="list them with GET /api/remediations"
        )
    with api.remediations.watching(str(remediation_id)):
        pass  # refuses here, where there is still a status to answer with
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = _Stream(api, caller, remediation_id, last_event_id or "")
    return StreamingResponse(stream.run(), media_type="text/event-stream", headers=headers)


class _Stream:
    def __init__(self, api: Api, caller: Principal, remediation_id: UUID, last_event_id: str) -> None:
        self._api = api
        self._caller = caller
        self._id = remediation_id
        place = _PLACE.fullmatch(last_event_id)
        self._seen = int(place[1]) if place else 0
        self._cursor = place[2] if place else "0:0"
        self._running = False

    async def run(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        until, said_at = loop.time() + LONGEST_SECONDS, loop.time()
        try:
            with self._api.remediations.watching(str(self._id)) as changed:
                while loop.time() < until and not self._api.closing.is_set():
                    changed.clear()
                    async for event in self._news():
                        said_at = loop.time()
                        yield event
                        if event.startswith(b"event: end"):
                            return
                    if loop.time() - said_at > _HEARTBEAT_SECONDS:
                        said_at = loop.time()
                        yield b": still there\n\n"
                    await _first_of(changed, self._api.closing, _LOOK_SECONDS if self._running else 2.0)
        except TooManyWaiting:
            return

    async def _news(self) -> AsyncIterator[bytes]:
        """What happened since the last look; what was printed comes before the state that it led to."""
        document = await self._api.remediations.get(str(self._id))
        if document is None:
            return
        state = state_of(document)
        was_running, self._running = self._running, state in RUNNING
        if self._running or was_running or self._seen == 0:
            async for event in self._progress():
                yield event
        states = states_of(document)
        for entry in states[self._seen :]:
            self._seen += 1
            yield self._event("state", entry)
        if state in TERMINAL:
            yield self._event("end", {"state": state, "error": reason_of(document)})

    async def _progress(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            now = datetime.now(UTC)
            command = ShowProgress(
                command_id=f"http-{uuid4().hex}",
                principal=self._caller,
                issued_at=now,
                expires_at=now + COMMAND_LIFE,
                remediation_id=self._id,
                after=self._cursor,
            )
            try:
                async with self._api.progress_calls:
                    reply = await self._api.send_command(command)
            except TemporaryError:
                return  # the next look asks again
            if reply.status != 200:
                return
            self._cursor, more = str(reply.body["next"]), bool(reply.body["more"])
            for entry in reply.body["entries"]:
                yield self._event("step" if "step" in entry else "output", entry)

    def _event(self, kind: str, data: dict[str, Any]) -> bytes:
        # JSON on one line: no text can end an event or begin another.
        return f"event: {kind}\nid: {self._seen};{self._cursor}\ndata: {json.dumps(data)}\n\n".encode()


async def _first_of(changed: asyncio.Event, closing: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in (changed, closing)]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
