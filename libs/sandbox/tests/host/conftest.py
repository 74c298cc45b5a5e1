"""Another machine, which is this one behind a real sshd."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from suture_contracts.script import Limits
from suture_generation.catalog import released_templates
from suture_generation.render import CompiledTemplate
from suture_sandbox.host.sandbox import HostSandbox
from suture_sandbox.protocol import RunPlan, RunResult
from suture_sandbox.secrets import Secrets
from suture_testkit.packages import PackageRoot
from suture_testkit.sshd import Sshd
from suture_testkit.systemd import Systemd


@dataclass
class Host:
    sshd: Sshd
    sandbox: HostSandbox
    root: Path
    state: Path
    secrets: Path
    registered: dict[str, Any] = field(default_factory=dict)
    """What the target's reach says besides the common."""

    @property
    def config(self) -> Path:
        return self.root / "db.conf"

    @property
    def reach(self) -> dict[str, Any]:
        return {
            "address": "127.0.0.1", "port": self.sshd.port, "user": self.sshd.user,
            "host_key": self.sshd.host_key, "root": str(self.root), "state": str(self.state),
            **self.registered,
        }  # fmt: skip

    def plan(self, body: str, *, mode: str = "apply", name: str = "", **changes: Any) -> RunPlan:
        name = name or f"run-{uuid4().hex[:8]}"
        fields: dict[str, Any] = {
            "run_id": f"{name}-{mode}", "claim_id": name, "execution_id": name, "mode": mode,
            "target": "far", "kind": "host", "reach": self.reach, "secret_ref": "far-key",
            "script_type": "bash", "body": body, "verify": f"grep -q host= {self.config}",
            "writes": (str(self.config),), "limits": Limits(timeout_seconds=20), **changes,
        }  # fmt: skip
        return RunPlan(**fields)

    async def run(self, body: str, **changes: Any) -> RunResult:
        plan = self.plan(body, **changes)
        await self.sandbox.start(plan)
        async with asyncio.timeout(60):
            return await self.sandbox.result(plan.run_id)


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    sshd = Sshd(tmp_path)
    await asyncio.to_thread(sshd.start)
    root, secrets = tmp_path / "app", tmp_path / "secrets"
    root.mkdir()
    secrets.mkdir()
    (secrets / "far-key").write_text(sshd.key)
    (root / "db.conf").write_text("broken\n")
    sandbox = HostSandbox(tmp_path / "here", Secrets(secrets))
    await sandbox.open()
    try:
        yield Host(sshd, sandbox, root, tmp_path / "there", secrets)
    finally:
        await asyncio.to_thread(sshd.stop)


@pytest.fixture
def manager() -> str:
    """The package manager; tests of all of them say otherwise."""
    return "apt"


@pytest.fixture
def packages(tmp_path: Path, host, manager: str) -> PackageRoot:
    """1.0-2 is installed; 1.0-9 and 1.0-10 are on offer."""
    made = PackageRoot(tmp_path / "packages", manager)
    made.offer("1.0-2", "1.0-9", "1.0-10")
    made.install("1.0-2")
    host.registered = {"sandbox": "none", "root": "/", "environment": made.environment}
    return made


@pytest.fixture
def update(packages: PackageRoot) -> Callable[..., dict[str, Any]]:
    """The released template, but for the folder where it keeps what was there before."""
    name = f"package-update-{packages.manager}"
    template = next(one for one in released_templates() if one.id == name)
    values = {
        "package_manager": packages.manager, "package": packages.package, "fixed_version": "1.0-9",
    }  # fmt: skip
    script = CompiledTemplate(template).render(values)
    kept = str(packages.folder / "kept")
    moved = {
        name: getattr(script, name).replace("/var/backups/suture", kept)
        for name in ("body", "rollback", "verify")
    }
    limits = Limits(timeout_seconds=60)
    fields = {**moved, "writes": (kept,), "reversibility": "compensating", "limits": limits}
    return lambda **changes: {**fields, **changes}


@pytest_asyncio.fixture
async def systemd(tmp_path: Path, host) -> AsyncIterator[Systemd]:
    """``web`` runs and is enabled, ``spare`` is neither."""
    made = Systemd(tmp_path / "systemd")
    for name in ("web", "spare"):
        service = "[Service]\nExecStart=/usr/bin/sleep 1000\n[Install]\nWantedBy=default.target\n"
        made.add(f"{name}.service", service)
    host.registered = {"sandbox": "none", "environment": made.environment}
    try:
        await made.start()
        made.control("enable", "--now", "web")
        yield made
    finally:
        await made.stop()
