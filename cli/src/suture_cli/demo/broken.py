"""The broken services: real processes that answer 503 for a real reason."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from suture_local.ports import LOOPBACK, free_ports
from suture_local.processes import ChildProcess, inherited_environment

from suture_cli.demo.examples import Example, filled
from suture_cli.demo.outcome import Outcome

Snapshot = dict[str, tuple[int, str]]
"""Each path below a folder: its mode and type, and the SHA-256 of its bytes (nothing for a folder)."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One example's service: where its files are, how they were, where it answers."""

    root: Path
    health_url: str
    before: Snapshot
    process: ChildProcess

    def target_of(self, example: Example) -> dict[str, Any] | None:
        """The example's target with its places filled in."""
        target = filled(example.target, {"root": str(self.root), "health_url": self.health_url})
        return target if isinstance(target, dict) else None

    async def is_broken(self) -> bool:
        return await self.status() == 503

    async def look(self, example: Example, outcome: Outcome) -> None:
        """What the service answers now, and whether its files are what they were."""
        expected, status = example.expected, await self.status()
        outcome.notes.append(f"the service answered 503 before and answers {status} now")
        if expected.health is not None and status != expected.health:
            outcome.differences.append(f"the service answers {status}, not {expected.health}")
        if expected.files_unchanged:
            if self.is_unchanged():
                outcome.notes.append("every file is byte for byte what it was")
            else:
                outcome.differences.append("files are not what they were")

    async def status(self) -> int:
        """What it answers now; 0 where it does not."""
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
                return (await client.get(self.health_url)).status_code
        except httpx.HTTPError:
            return 0

    def is_unchanged(self) -> bool:
        return snapshot(self.root) == self.before


class BrokenServices:
    """``async with`` starts them and ends them; by the name of their example."""

    def __init__(self, examples: Sequence[Example], program: Path, folder: Path) -> None:
        self._folder = folder
        self._of: dict[str, Broken] = {}
        broken = [example for example in examples if example.service is not None]
        for example, port in zip(broken, free_ports(len(broken)), strict=True):
            self._of[example.name] = _prepare(example, program, folder, port)

    def of(self, example: Example) -> Broken | None:
        return self._of.get(example.name)

    async def __aenter__(self) -> BrokenServices:
        for broken in self._of.values():
            broken.process.start()
        for broken in self._of.values():
            await broken.process.wait_until(lambda broken=broken: _answers(broken), 30)  # type: ignore[misc]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for broken in self._of.values():
            await broken.process.stop(grace=0)


def snapshot(root: Path) -> Snapshot:
    """The folder as it is, owner and times left out."""
    return {
        str(path.relative_to(root)): (
            path.lstat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(root.rglob("*"))
    }


def _prepare(example: Example, program: Path, folder: Path, port: int) -> Broken:
    root = folder / example.name
    root.mkdir()
    (root / "etc").mkdir()
    service = example.service
    if service is None:
        raise ValueError(f"{example.name} has no service")
    for name, file in service.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)
        path.chmod(int(file.mode, 8))
    command = [sys.executable, str(program), "--config", str(root / "etc" / "database.conf")]
    command += ["--port", str(port), "--connections", str(service.connections)]
    log = folder / f"{example.name}.log"
    process = ChildProcess(
        example.name, command, environment=inherited_environment(), log=log, on_parent_death="KILL"
    )
    return Broken(root, f"http://{LOOPBACK}:{port}/health", snapshot(root), process)


async def _answers(broken: Broken) -> bool:
    return await broken.status() != 0
