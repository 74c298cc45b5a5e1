"""Whole flows: six services as processes on a real broker and store, seen from outside alone."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from suture_local.model_server import ModelServer
from suture_local.stack import Options, Stack
from suture_testkit.servers import Addresses
from suture_testkit.thread_loop import ThreadLoop
from suture_testkit.wire import Wire

TERMINAL = {
    "no_action",
    "generation_failed",
    "rejected",
    "denied",
    "expired",
    "rehearsed",
    "succeeded",
    "already_remediated",
    "not_applied",
    "rolled_back",
    "rollback_failed",
    "unknown",
}


@dataclass
class System:
    """A running Suture: its HTTP API, and the processes behind it."""

    stack: Stack
    model_server: ModelServer
    terminal = frozenset(TERMINAL)

    def call(self, role: str, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.stack.tokens[role]}", **options.pop("headers", {})}
        with httpx.Client(base_url=self.stack.api_url, timeout=150, trust_env=False) as client:
            return client.request(method, path, json=body, headers=headers, **options)

    def remediation(self, id: str) -> dict[str, Any]:
        answer = self.call("operator", "GET", f"/api/remediations/{id}")
        return dict(answer.json()) if answer.status_code == 200 else {"state": "none"}

    def wait(self, id: str, *states: str, within: float = 45) -> dict[str, Any]:
        """The remediation once it is in one of these states, or fails with the one that it is in."""
        wanted = set(states) or TERMINAL
        return self.wait_until(id, lambda found: found["state"] in wanted, within)

    def wait_until(
        self, id: str, wanted: Callable[[dict[str, Any]], bool], within: float = 45
    ) -> dict[str, Any]:
        """The remediation once it is as wanted, or fails with the state that it is in."""
        deadline = time.monotonic() + within
        while not wanted(found := self.remediation(id)):
            assert time.monotonic() < deadline, f"{id} is {found['state']}: {found.get('states')}"
            time.sleep(0.1)
        return found

    def exhaust_pool(self, program: Program) -> dict[str, Any]:
        """Registers a program whose pool is too small; returns a finding that waits for a supervisor."""
        program.config.write_text("host=db.internal\npool_size=5\n")
        self.register(program, pool_setting="pool_size", pool_size=40)
        return program.finding(
            root_cause_category="Database",
            root_cause_details="Connection pool exhausted under normal load",
            suggested_actions=["Raise the pool size"],
            confidence_score="MEDIUM",
        )

    def register(self, program: Program, **facts: Any) -> Program:
        """Registers a program with these facts; returns once findings about it reach it."""
        answer = self.call("operator", "POST", "/api/targets", program.target(**facts))
        assert answer.status_code == 201, answer.text
        deadline = time.monotonic() + 20
        while True:
            probe = self.call("operator", "POST", "/api/findings", program.finding(severity="info"))
            found = self.wait(probe.json()["remediation_id"], "no_action")
            if found["analysis"]["targets"] == [program.id]:
                return program
            assert time.monotonic() < deadline, f"{program.id} is not known"


@pytest.fixture(scope="session")
def system(
    suture_servers: Addresses, suture_loop: ThreadLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """One system for all tests of a worker: each uses targets of its own."""
    with running_system(suture_servers, suture_loop, tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture
def own_system(
    suture_servers: Addresses, suture_loop: ThreadLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    """A system that a test may do anything to."""
    with running_system(suture_servers, suture_loop, tmp_path_factory.mktemp("own")) as running:
        yield running


@pytest.fixture
def make_system() -> Callable[[Stack], System]:
    """A system of a stack that a test started by itself."""
    return lambda stack: System(stack, ModelServer())


class running_system:
    """A system in ``folder`` whose generator asks a stand-in model provider."""

    def __init__(self, servers: Addresses, loop: ThreadLoop, folder: Path) -> None:
        self._servers, self._loop, self._folder = servers, loop, folder
        self._name = f"e2e-{uuid4().hex[:12]}"

    def __enter__(self) -> System:
        self._model = ModelServer().start()
        broker_url = self._loop.run(self._servers.vhosts().create_vhost(self._name))
        generator = {
            "SUTURE_GENERATOR_PROVIDER": "openai",
            "SUTURE_GENERATOR_BASE_URL": self._model.openai_url,
            "OPENAI_API_KEY": "stand-in",
        }
        options = Options(
            broker_url=broker_url,
            store_url=self._servers.store,
            database=self._name.replace("-", "_"),
            environment={"generator": generator},
        )
        self._stack = Stack(self._folder, options)
        self._loop.run(self._stack.start())
        return System(self._stack, self._model)

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._stack.stop())
        self._loop.run(self._servers.vhosts().delete_vhost(self._name))
        self._model.stop()


@dataclass
class Program:
    """Something to repair: a folder with a configuration file that is missing, registered as a target."""

    id: str
    root: Path

    @property
    def config(self) -> Path:
        return self.root / "etc" / "database.conf"

    @property
    def known_good(self) -> Path:
        return self.root / "known-good" / "database.conf"

    def finding(self, **changes: Any) -> dict[str, Any]:
        """The seed's finding, for this program."""
        return {
            "anomaly_id": f"anomaly-{self.id}",
            "root_cause_category": "Configuration",
            "root_cause_details": "Missing configuration file for database connection",
            "confidence_score": "HIGH",
            "suggested_actions": ["Create missing configuration file"],
            "severity": "high",
            "affected_systems": [self.id],
            **changes,
        }

    def target(self, **facts: Any) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": "local",
            "reach": {"root": str(self.root)},
            "allowed_types": ["bash"],
            "owner": "platform",
            "facts": {"config_path": str(self.config), "known_good_source": str(self.known_good), **facts},
        }

    def contents(self) -> dict[str, tuple[int, bytes]]:
        """Every file's mode and bytes."""
        files = [path for path in self.root.rglob("*") if path.is_file()]
        return {str(path): (path.stat().st_mode, path.read_bytes()) for path in files}


def new_program(folder: Path, name: str) -> Program:
    program = Program(name, folder / name)
    for part in (program.config.parent, program.known_good.parent):
        part.mkdir(parents=True)
    program.known_good.write_text("host=db.internal\npool_size=5\n")
    return program


@pytest.fixture
def make_program() -> Callable[[Path, str], Program]:
    """Makes a broken program in a folder; it is not registered yet."""
    return new_program


@pytest.fixture
def program(system: System, tmp_path: Path) -> Program:
    """A broken program, registered."""
    return system.register(new_program(tmp_path, f"program-{uuid4().hex[:8]}"))


@pytest_asyncio.fixture
async def bus(system: System) -> AsyncIterator[Wire]:
    """The running system's broker, as a stranger sees it."""
    opened = Wire(system.stack.broker_url, system.stack.keys.signer)
    await opened.open()
    yield opened
    await opened.close()
