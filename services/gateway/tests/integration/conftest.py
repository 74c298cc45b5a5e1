"""A running gateway on a real broker and store, and owners that answer its commands over that broker."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo import AsyncMongoClient
from suture_chassis.app import Service
from suture_chassis.custody.audit import Audit, JournalEntry
from suture_chassis.custody.chain import Head
from suture_chassis.messages import Received
from suture_chassis.settings import ChassisSettings
from suture_contracts.base import Command, Reply
from suture_gateway.main import Settings, build

TOKENS = {
    "agent": "agent-token",
    "operator": "operator-token",
    "supervisor": "supervisor-token",
    "admin": "admin-token",
}

Answer = Callable[[Received[Any]], Awaitable[Reply]]
Owners = Callable[..., Awaitable[list[Command]]]


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "gateway-keys.json"
    entries = [
        {"id": role, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
        for role, token in TOKENS.items()
    ]
    path.write_text(json.dumps({"keys": entries}))
    return path


@pytest.fixture
def gateway_settings(trust: Any, keys_file: Path) -> dict[str, Any]:
    return {
        **trust.settings_for("gateway"),
        "gateway_port": 0,
        "gateway_keys_file": keys_file,
        "gateway_head_seconds": 0.2,
        "gateway_command_timeout": 3,
        "graceful_timeout": 2,
    }


class Running:
    """A started gateway and its address."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.address = f"http://127.0.0.1:{service.http.port}"

    def client(self, role: str | None, **options: Any) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {TOKENS[role]}"} if role else {}
        return httpx.AsyncClient(base_url=self.address, headers=headers, timeout=30, **options)


@contextlib.asynccontextmanager
async def running(settings: dict[str, Any]) -> AsyncIterator[Running]:
    async with build(Settings(**settings)) as service:
        async with asyncio.timeout(20):
            while service.http.port == 0:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.02)
        yield Running(service)


@pytest.fixture
def run_gateway() -> Any:
    return running


@pytest.fixture
async def gateway(gateway_settings: dict[str, Any]) -> AsyncIterator[Running]:
    async with running(gateway_settings) as started:
        yield started


@pytest.fixture
async def as_role(gateway: Running) -> AsyncIterator[Callable[[str | None], httpx.AsyncClient]]:
    """A client for a role, ``None`` for someone without a key."""
    async with contextlib.AsyncExitStack() as stack:
        clients = {role: gateway.client(role) for role in (*TOKENS, None)}
        for client in clients.values():
            await stack.enter_async_context(client)
        yield clients.__getitem__


@pytest.fixture
async def owners(trust: Any) -> AsyncIterator[Owners]:
    """Starts an owner that answers commands; gives the list of the commands that it got."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(name: str, answers: dict[type[Command], Reply | Answer]) -> list[Command]:
            got: list[Command] = []
            service = Service(name, ChassisSettings(**trust.settings_for(name), graceful_timeout=2))
            for kind, answer in answers.items():
                service.command(kind, _handler(answer, got))
            await stack.enter_async_context(service)
            return got

        yield start


def _handler(answer: Reply | Answer, got: list[Command]) -> Answer:
    async def handle(received: Received[Any]) -> Reply:
        got.append(received.message)
        return answer if isinstance(answer, Reply) else await answer(received)

    return handle


@pytest.fixture
async def stored(store_url: str, database: str) -> AsyncIterator[Any]:
    """The gateway's database."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(store_url, tz_aware=True)
    yield client[database]
    await client.close()


@pytest.fixture
def audited(trust: Any) -> Callable[[list[dict[str, Any]]], Head]:
    """The head of journal entries in which an auditor finds nothing wrong."""

    def check(entries: list[dict[str, Any]]) -> Head:
        audit = Audit(trust.store, ())
        assert list(audit.check(map(JournalEntry.of, entries))) == []
        return audit.head

    return check


@pytest.fixture
def eventually() -> Any:
    """Awaits until a condition (a coroutine function) gives something true, and gives that."""

    async def wait(condition: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
        async with asyncio.timeout(seconds):
            while not (found := await condition()):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.05)
        return found

    return wait
