"""The fixtures. Servers start once a run, when a test first asks for them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pymongo import MongoClient
from suture_local.keys import KeyRing
from suture_local.model_server import ModelServer

from suture_testkit.identities import Identities, Neighbours
from suture_testkit.servers import Addresses, choose_servers
from suture_testkit.thread_loop import ThreadLoop
from suture_testkit.wire import Wire


@pytest.fixture(scope="session")
def suture_loop() -> Iterator[ThreadLoop]:
    """Where session-long work of the fixtures runs."""
    loop = ThreadLoop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def suture_servers(suture_loop: ThreadLoop) -> Iterator[Addresses]:
    """The broker and the store of this run; those of ``python -m suture_testkit run`` where it started us."""
    given = Addresses.from_environment(os.environ)
    if given is not None:
        yield given
        return
    servers = choose_servers()
    yield suture_loop.run(servers.start())
    suture_loop.run(servers.stop())


@pytest.fixture
def broker_url(suture_servers: Addresses, suture_loop: ThreadLoop) -> Iterator[str]:
    """The AMQP address of a fresh virtual host."""
    name = f"test-{uuid4().hex}"
    vhosts = suture_servers.vhosts()
    yield suture_loop.run(vhosts.create_vhost(name))
    suture_loop.run(vhosts.delete_vhost(name))


@pytest.fixture
def store_url(suture_servers: Addresses) -> str:
    """The address of the store."""
    return suture_servers.store


@pytest.fixture
def database(store_url: str) -> Iterator[str]:
    """A fresh database's name; the database is dropped afterwards."""
    name = f"test_{uuid4().hex}"
    yield name
    with MongoClient[dict[str, object]](store_url) as client:
        client.drop_database(name)


@pytest.fixture
def trust(tmp_path: Path, request: pytest.FixtureRequest) -> Identities:
    """Keys for every service and principal; a test that needs the keys alone starts no server."""

    def neighbours() -> Neighbours:
        return Neighbours(
            *(request.getfixturevalue(name) for name in ("broker_url", "store_url", "database"))
        )

    return Identities(KeyRing(tmp_path / "keys"), neighbours)


@pytest_asyncio.fixture
async def wire(broker_url: str, trust: Identities) -> AsyncIterator[Wire]:
    """A stranger's view of the broker."""
    opened = Wire(broker_url, trust.signer)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A stand-in model provider; script it through ``answering`` or ``queue``."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def written() -> dict[str, Any]:
    """A script as a model answers it: for the stand-in to say."""
    return {
        "script_type": "bash",
        "body": "#!/bin/bash\nset -euo pipefail\necho fixed > /srv/orders/flag\n",
        "rollback": "#!/bin/bash\nset -euo pipefail\nrm -f /srv/orders/flag\n",
        "verify": "#!/bin/bash\nset -euo pipefail\ntest -s /srv/orders/flag\n",
        "writes": ["/srv/orders/flag"],
        "egress": [],
        "reversibility": "exact",
        "explanation": "sets the flag",
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests counted by ``record_property("counted", …)``: what died how often, and how it ended."""
    reports = [one for status in terminalreporter.stats.values() for one in status]
    counted = [
        str(value)
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when == "call"
        for name, value in report.user_properties
        if name == "counted"
    ]
    if counted:
        terminalreporter.section("counted")
        for text in counted:
            terminalreporter.write_line(text)
