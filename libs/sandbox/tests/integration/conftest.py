"""A target's folder, and a sandbox whose runs are real."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from suture_contracts.script import Limits
from suture_sandbox.bubblewrap import BubblewrapSandbox
from suture_sandbox.protocol import RunPlan, RunResult

GOOD = "host=db.internal\n"


@dataclass(frozen=True, slots=True)
class Target:
    """A folder with a known-good source, a neighbour, and a declared configuration file that is missing."""

    root: Path
    sandbox: BubblewrapSandbox

    @property
    def config(self) -> Path:
        return self.root / "config" / "db.conf"

    def plan(self, body: str, *, mode: str = "apply", name: str = "run", **changes: Any) -> RunPlan:
        fields: dict[str, Any] = {
            "run_id": f"{name}-{mode}",
            "claim_id": name,
            "execution_id": name,
            "mode": mode,
            "target": "app",
            "root": str(self.root),
            "script_type": "bash",
            "body": body,
            "verify": f"grep -q host= {self.config}",
            "writes": (str(self.config),),
            "limits": Limits(timeout_seconds=20),
            **changes,
        }
        return RunPlan(**fields)

    async def run(self, body: str, **changes: Any) -> RunResult:
        plan = self.plan(body, **changes)
        await self.sandbox.start(plan)
        return await self.sandbox.result(plan.run_id)

    def fix(self) -> str:
        """A body that works."""
        return f"set -eu\nmkdir -p {self.config.parent}\ncp {self.root}/good.conf {self.config}\n"

    def state(self) -> dict[str, tuple[object, ...]]:
        """Everything in the folder: mode, owner, time of change and bytes, or where a link leads."""
        return {str(path.relative_to(self.root)): _entry(path) for path in sorted(self.root.rglob("*"))}


def _entry(path: Path) -> tuple[object, ...]:
    found = path.lstat()
    if path.is_symlink():
        return ("link", str(path.readlink()))
    if path.is_dir():
        return (found.st_mode, found.st_uid, found.st_gid)
    return (found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns, path.read_bytes())


@pytest.fixture
def state_folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest_asyncio.fixture
async def sandbox(state_folder: Path) -> AsyncIterator[BubblewrapSandbox]:
    opened = BubblewrapSandbox(state_folder)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def target(tmp_path: Path, sandbox: BubblewrapSandbox) -> Target:
    root = tmp_path / "app"
    (root / "data").mkdir(parents=True)
    (root / "good.conf").write_text(GOOD)
    (root / "data" / "kept.txt").write_text("kept\n")
    return Target(root, sandbox)


@pytest.fixture
def make_file(target: Target) -> Callable[[str], Path]:
    def make(text: str, mode: int = 0o640) -> Path:
        target.config.parent.mkdir(exist_ok=True)
        target.config.write_text(text)
        target.config.chmod(mode)
        return target.config

    return make
