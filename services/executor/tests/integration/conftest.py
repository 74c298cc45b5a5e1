"""An executor on a real broker, store and bubblewrap, and approvals as the approver would sign them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from aiormq.exceptions import PublishError
from suture_chassis.app import Service
from suture_chassis.custody import seal
from suture_contracts import ids
from suture_contracts.base import Command, Principal, Reply
from suture_contracts.commands import RegisterTarget
from suture_contracts.custody import APPROVAL, ROLLBACK, VERDICT, Approval, RollbackOrder, Verdict
from suture_contracts.events import (
    Confidence,
    ExecutionCompleted,
    RehearsalRequested,
    RollbackRequested,
    ScriptApproved,
)
from suture_contracts.script import Limits, Script, ScriptDocument
from suture_contracts.target import Target
from suture_executor.main import Settings, build
from suture_testkit.cluster import shop as shop
from suture_testkit.identities import Identities
from suture_testkit.wire import Wire

ADMIN = Principal(id="admin", role="admin")


def command(kind: type[Command], principal: Principal = ADMIN, **fields: Any) -> Command:
    now = datetime.now(UTC)
    fields = {
        "command_id": str(uuid4()),
        "issued_at": now,
        "expires_at": now + timedelta(minutes=1),
        **fields,
    }
    return kind(principal=principal, **fields)


@dataclass
class World:
    """The neighbours of one executor under test."""

    wire: Wire
    trust: Identities
    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config" / "db.conf"

    async def ask(self, kind: type[Command], principal: Principal = ADMIN, **fields: Any) -> Reply:
        return await self.wire.request(command(kind, principal, **fields))

    async def register(self, id: str = "app", root: Path | None = None, **fields: Any) -> Reply:
        chosen = {"kind": "local", "owner": "admin", "reach": {"root": str(root or self.root)}, **fields}
        return await self.ask(RegisterTarget, target=Target(id=id, **chosen))

    def document(self, body: str | None = None, **fields: Any) -> ScriptDocument:
        fix = f"set -eu\nmkdir -p {self.config.parent}\ncp {self.root}/good.conf {self.config}\n"
        chosen: dict[str, Any] = {
            "script_type": "bash",
            "verify": f"grep -q host= {self.config}",
            "writes": (str(self.config),),
            "targets": ("app",),
            "limits": Limits(timeout_seconds=20),
            **fields,
        }
        return ScriptDocument(body=fix if body is None else body, **chosen)

    def approved(
        self,
        document: ScriptDocument,
        *,
        remediation: UUID | None = None,
        verdict_by: str = "validator",
        approval_by: str = "approver",
        start: str = "automatic",
        verdict: dict[str, Any] | None = None,
        approval: dict[str, Any] | None = None,
        other_bytes: ScriptDocument | None = None,
    ) -> ScriptApproved:
        """A whole chain, bent by the keyword arguments; ``other_bytes`` travel instead of the signed ones."""
        remediation = remediation or uuid4()
        script = Script.of(ids.script_id(remediation), 1, document)
        now = datetime.now(UTC)
        approval_id = ids.approval_id(script.script_id, 1)
        granted = Approval(
            **{
                "approval_id": approval_id,
                "script_id": script.script_id,
                "revision": 1,
                "mode": "automatic",
                "targets": document.targets,
                "not_before": now - timedelta(seconds=1),
                "not_after": now + timedelta(minutes=5),
                **(approval or {}),
            }
        )
        return ScriptApproved(
            remediation_id=remediation,
            sequence=1,
            causation_id="1",
            causation_digest="0" * 64,
            script=Script.of(script.script_id, 1, other_bytes) if other_bytes else script,
            approval_id=approval_id,
            verdict=self._seal(verdict_by, script, VERDICT, self._verdict(script, verdict or {})),
            approval=self._seal(approval_by, script, APPROVAL, granted),
            confidence=Confidence(total=90, level="HIGH", parts={}),
            reversibility="exact",
            start=start,
        )

    def rehearsal(self, document: ScriptDocument) -> RehearsalRequested:
        remediation = uuid4()
        script = Script.of(ids.script_id(remediation), 1, document)
        return RehearsalRequested(
            remediation_id=remediation,
            sequence=1,
            causation_id="1",
            causation_digest="0" * 64,
            rehearsal_id=ids.rehearsal_id(script.script_id, 1),
            script=script,
            verdict=self._seal("validator", script, VERDICT, self._verdict(script, {})),
            targets=document.targets,
        )

    def rollback(
        self, approved: ScriptApproved, signed_by: str = "approver", **order: Any
    ) -> RollbackRequested:
        execution = ids.execution_id(approved.approval_id)
        principal = Principal(id="sam", role="supervisor")
        chosen = {"not_after": datetime.now(UTC) + timedelta(minutes=5), "reason": "wrong host", **order}
        found = RollbackOrder(execution_id=execution, principal=principal, **chosen)
        return RollbackRequested(
            remediation_id=approved.remediation_id,
            sequence=2,
            causation_id="2",
            causation_digest="0" * 64,
            execution_id=execution,
            reason=found.reason,
            principal=principal,
            approval=self._seal(signed_by, approved.script, ROLLBACK, found),
            expected_state=found.expected_state,
        )

    async def registers(self, id: str = "app", root: Path | None = None, **fields: Any) -> None:
        """Register a target as soon as the executor's queues are there."""
        async with asyncio.timeout(30):
            while True:
                try:
                    assert (await self.register(id, root, **fields)).status == 201
                    return
                except PublishError:
                    await asyncio.sleep(0.1)

    async def run(self, approved: ScriptApproved) -> ExecutionCompleted:
        await self.wire.publish(approved, as_="approver")
        return await self.completed(approved)

    def logging(self, path: Path, *, before: str = "sleep 1; ", target: str = "app") -> ScriptApproved:
        """An approval for a script that writes a line each time that it runs."""
        body, verify = f"{before}echo run >> {path}", f"test -s {path}"
        return self.approved(self.document(body, writes=(str(path),), verify=verify, targets=(target,)))

    async def dies(self, process: subprocess.Popen[bytes], step: int) -> bool:
        """Whether it died before it had long done everything, which is ``step`` executions."""
        since = None
        async with asyncio.timeout(60):
            while process.poll() is None:
                ended = {event.json["remediation_id"] for event in self.wire.seen(ExecutionCompleted)}
                if len(ended) == step:
                    since = since or time.monotonic()
                    if time.monotonic() - since > 2:
                        return False
                await asyncio.sleep(0.05)
        return True

    async def completed(self, approved: ScriptApproved) -> ExecutionCompleted:
        return await self.wire.expect(ExecutionCompleted, remediation_id=approved.remediation_id, timeout=30)

    def _verdict(self, script: Script, changes: dict[str, Any]) -> Verdict:
        return Verdict(
            **{
                "script_id": script.script_id,
                "revision": 1,
                "ruleset": "0" * 64,
                "is_valid": True,
                "safety_score": 1.0,
                "reversibility": "exact",
                "at": datetime.now(UTC),
                **changes,
            }
        )

    def _seal(self, signer: str, script: Script, kind: str, predicate: Any) -> Any:
        return seal(
            self.trust.signer(signer),
            subject_name=str(script.script_id),
            subject_sha256=script.sha256,
            predicate_type=kind,
            predicate=predicate,
        )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "good.conf").write_text("host=db.internal\n")
    return folder


@pytest.fixture
def world(wire: Wire, trust: Identities, root: Path) -> World:
    return World(wire, trust, root)


class Executor(subprocess.Popen[bytes]):
    """An executor as a process of its own."""

    def end(self) -> None:
        """By SIGKILL."""
        self.kill()
        self.wait()


@pytest.fixture
def spawn(trust: Identities, tmp_path: Path) -> Iterator[Callable[..., Executor]]:
    """Starts executors on one state folder; arguments are another program's than the executor's own.

    Keyword arguments change the environment.
    """
    started: list[Executor] = []
    environment = {
        **os.environ,
        **trust.environment("executor"),
        "SUTURE_EXECUTOR_STATE_DIR": str(tmp_path / "state"),
        "SUTURE_EXECUTOR_SCAN_SECONDS": "0.3",
        "SUTURE_LOG_LEVEL": "error",
    }

    def start(*arguments: str, **changes: str) -> Executor:
        command = [sys.executable, *(arguments or ("-m", "suture_executor"))]
        started.append(Executor(command, env={**environment, **changes}))
        return started[-1]

    yield start
    for process in started:
        process.end()


@pytest.fixture
def claims(tmp_path: Path) -> Callable[[], list[Path]]:
    """The claims that there are in the executors' state folder."""
    folder = tmp_path / "state" / "claims"
    return lambda: [path for path in folder.glob("*/*") if path.is_dir()]


@pytest.fixture
def build_executor(trust: Identities, tmp_path: Path) -> Callable[[], Service]:
    def make() -> Service:
        given = {**trust.settings_for("executor"), "log_level": "error", "executor_scan_seconds": 0.3}
        return build(Settings(**given, executor_state_dir=tmp_path / "state"))

    return make


@pytest_asyncio.fixture
async def executor(build_executor: Callable[[], Service], world: World) -> AsyncIterator[Service]:
    async with build_executor() as service:
        assert (await world.register()).status == 201
        yield service
