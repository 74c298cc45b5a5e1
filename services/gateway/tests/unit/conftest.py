"""A remediation's whole life as events, for tests of the fold."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import AsyncMongoClient
from suture_chassis.dead_letters import DeadLetters
from suture_chassis.errors import TemporaryError
from suture_chassis.publisher import Publisher
from suture_contracts import ids
from suture_contracts.base import Command, Event, Reply
from suture_contracts.examples import example
from suture_gateway.audit import JournalReads
from suture_gateway.change import Change
from suture_gateway.entries import Entries
from suture_gateway.fold import fold
from suture_gateway.http.app import create_app
from suture_gateway.http.context import Api
from suture_gateway.idempotency import IdempotencyKeys
from suture_gateway.keys import KeyRing
from suture_gateway.rate import RateLimit
from suture_gateway.reads import Remediations
from suture_gateway.watchers import Watchers

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
REMEDIATION = ids.remediation_id("detector", "anomaly-123")
SCRIPT = ids.script_id(REMEDIATION)


def changed(message_type: str, **fields: Any) -> Event:
    event = example(message_type)
    assert isinstance(event, Event)
    return event.model_copy(update=fields)


def of_revision(message_type: str, revision: int, **fields: Any) -> Event:
    event = changed(message_type, **fields)
    if "script" in type(event).model_fields:
        script = event.script.model_copy(update={"revision": revision})  # type: ignore[attr-defined]
        return event.model_copy(update={"script": script})
    return event.model_copy(update={"revision": revision})


def change_of(event: Event, number: int) -> Change:
    """The change of the story's event number ``number``; a minute passes between two."""
    event_id = "anomaly-123" if event.TYPE == "rca.received" else f"event-{number}"
    change = fold(event, event_id=event_id, source="detector", at=START + timedelta(minutes=number))
    assert change is not None
    return change


@pytest.fixture
def story() -> list[Event]:
    """Refused, repaired, rehearsed, approved, succeeded, and then taken back."""
    second = ids.execution_id(ids.approval_id(SCRIPT, 2))
    return [
        changed("rca.received"),
        changed("rca.analyzed"),
        of_revision("script.generated", 1),
        of_revision("script.rejected", 1, final=False),
        changed("rca.analyzed", sequence=1),
        of_revision("script.generated", 2, sequence=1),
        of_revision("script.validated", 2),
        of_revision("rehearsal.requested", 2),
        of_revision("rehearsal.completed", 2),
        of_revision("approval.requested", 2, notify_only=False),
        of_revision("script.approved", 2),
        of_revision("execution.started", 2, mode="apply", execution_id=second),
        of_revision("execution.completed", 2, mode="apply", execution_id=second, outcome="succeeded"),
        changed("rollback.requested", execution_id=second),
        of_revision("execution.started", 2, mode="rollback", execution_id=second, sequence=5),
        of_revision(
            "execution.completed", 2, mode="rollback", execution_id=second, outcome="rolled_back", sequence=6
        ),
    ]


@pytest.fixture
def changes(story: list[Event]) -> list[Change]:
    return [change_of(event, number) for number, event in enumerate(story)]


def applied(document: dict[str, Any], change: Change) -> dict[str, Any]:
    """What the store makes of a change: MongoDB's $max, $min and $set, for the values that changes have."""
    update = change.update()
    for path, value in update["$max"].items():
        kept = document.get(path)
        if kept is None or _place(kept) < _place(value):
            document[path] = value
    for path, value in update["$min"].items():
        kept = document.get(path)
        if kept is None or _place(value) < _place(kept):
            document[path] = value
    return {**document, **update["$set"]}


def _place(value: Any) -> Any:
    return tuple(list(value.values())[:2]) if isinstance(value, dict) else value


@pytest.fixture
def apply_change() -> Any:
    return applied


@pytest.fixture
def make_event() -> Any:
    return changed


@pytest.fixture
def make_change() -> Any:
    return change_of


@pytest.fixture
def make_revision() -> Any:
    return of_revision


ROLES = ("agent", "operator", "supervisor", "admin")


@pytest.fixture
async def as_role(tmp_path: Path) -> AsyncIterator[Callable[[str | None], httpx.AsyncClient]]:
    """A client for a role, of an API whose owners and store are away; a role's name is its token."""
    keys = tmp_path / "keys.json"
    entries = [
        {"id": role, "role": role, "sha256": hashlib.sha256(role.encode()).hexdigest()} for role in ROLES
    ]
    keys.write_text(json.dumps({"keys": entries}))
    store: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        "mongodb://127.0.0.1:1", serverSelectionTimeoutMS=50
    )
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        app = create_app(_alone(keys, store))
        clients = {}
        for role in (*ROLES, None):
            headers = {"Authorization": f"Bearer {role}"} if role else {}
            transport = httpx.ASGITransport(app)
            client = httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers)
            clients[role] = await stack.enter_async_context(client)
        yield clients.__getitem__


def _alone(keys: Path, store: AsyncMongoClient[dict[str, Any]]) -> Api:
    async def nobody(command: Command) -> Reply:
        raise TemporaryError("nobody answers")

    async def nothing(channel: Any) -> None:
        return None

    async def away() -> str | None:
        return "everything"

    return Api(
        send_command=nobody,
        remediations=Remediations(store["gateway"]["remediations"], Watchers(), 10),
        idempotency=IdempotencyKeys(store["gateway"]["keys"]),
        keys=KeyRing(keys),
        callers=RateLimit(100, 200),
        strangers=RateLimit(2, 20),
        letters=DeadLetters(Publisher(lambda seconds: None, nothing)),
        journal=JournalReads(Entries(store["gateway"]["journal"]), store["gateway"]["journal_heads"]),
        ready=away,
        progress_calls=asyncio.Semaphore(1),
        closing=asyncio.Event(),
    )
