"""A gateway in a process of its own; a principal's name is its key."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio
from suture_local.keys import PRINCIPALS

from suture_testkit.identities import Identities
from suture_testkit.wire import Wire


@pytest_asyncio.fixture
async def api(trust: Identities, tmp_path: Path, wire: Wire) -> AsyncIterator[str]:
    """The address of the gateway's HTTP API."""
    keys = tmp_path / "keys.json"
    entries = [
        {"id": name, "role": role, "sha256": hashlib.sha256(name.encode()).hexdigest()}
        for name, role in PRINCIPALS.items()
    ]
    keys.write_text(json.dumps({"keys": entries}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        **trust.environment("gateway"),
        "SUTURE_GATEWAY_PORT": str(port),
        "SUTURE_GATEWAY_KEYS_FILE": str(keys),
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "suture_gateway", env=environment)
    address = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(60), httpx.AsyncClient() as client:
            while not await _healthy(client, address):
                assert process.returncode is None, "the gateway ended before it served; its stderr says why"
                await asyncio.sleep(0.1)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _healthy(client: httpx.AsyncClient, address: str) -> bool:
    try:
        return (await client.get(f"{address}/health")).is_success
    except httpx.TransportError:
        return False
