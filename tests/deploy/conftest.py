"""A broker's virtual host as the first start of a deployment leaves it: users, permissions, queues."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import uuid4

import aio_pika
import httpx
import pytest
import pytest_asyncio
from aio_pika.abc import AbstractChannel, AbstractConnection
from suture_testkit.servers import Addresses

SETUP = Path(__file__).parents[2] / "deploy" / "setup" / "setup.py"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """What the first start writes."""
    first_start(tmp_path)
    return tmp_path


@pytest.fixture
def start_again(secrets: Path) -> Callable[[], None]:
    """Runs what each start runs."""
    return lambda: first_start(secrets)


def first_start(into: Path) -> None:
    subprocess.run([sys.executable, str(SETUP), "secrets", "--into", str(into)], check=True)


@dataclass
class Broker:
    """Connects as one of the deployment's users."""

    address: str
    suffix: str
    passwords: dict[str, str]
    opened: dict[str, AbstractConnection] = field(default_factory=dict)

    def url(self, user: str) -> str:
        parts = urlsplit(self.address)
        host = f"{user}-{self.suffix}:{self.passwords[user]}@{parts.hostname}:{parts.port}"
        return parts._replace(netloc=host).geturl()

    async def channel(self, user: str) -> AbstractChannel:
        """A fresh channel: a refusal closes it."""
        if user not in self.opened:
            self.opened[user] = await aio_pika.connect(self.url(user))
        return await self.opened[user].channel(on_return_raises=True)


@pytest.fixture
def users(secrets: Path, broker_url: str, suture_servers: Addresses) -> Iterator[Broker]:
    vhost, suffix = urlsplit(broker_url).path.lstrip("/"), uuid4().hex[:8]
    content = json.loads((secrets / "rabbitmq" / "definitions.json").read_text())
    passwords = json.loads((secrets / "master" / "secrets.json").read_text())["broker"]
    assert [each["name"] for each in content.pop("vhosts")] == ["/"]
    for group in content.values():
        for each in group:
            if "vhost" in each:
                each["vhost"] = vhost
            if "user" in each:
                each["user"] += f"-{suffix}"
    for user in content["users"]:
        user["name"] += f"-{suffix}"
    parts = urlsplit(suture_servers.broker)
    login = (parts.username or "guest", parts.password or "guest")
    with httpx.Client(base_url=suture_servers.management, auth=login, timeout=60, trust_env=False) as client:
        client.post("/api/definitions", json=content).raise_for_status()
        yield Broker(broker_url, suffix, passwords)
        for user in content["users"]:
            client.delete(f"/api/users/{quote(user['name'])}")


@pytest_asyncio.fixture
async def broker(users: Broker) -> AsyncIterator[Broker]:
    yield users
    for connection in users.opened.values():
        await connection.close()
