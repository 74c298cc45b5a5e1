"""A template's script tried out in a scratch folder: broken before, well after, as it was when taken back."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suture_contracts.events import Mode
from suture_contracts.report import Reversibility
from suture_contracts.script import ScriptDocument
from suture_contracts.template import Fixture, FixtureFile

from suture_sandbox.bubblewrap import BubblewrapSandbox
from suture_sandbox.database.sandbox import DatabaseSandbox
from suture_sandbox.protocol import RunPlan, RunResult, Sandbox
from suture_sandbox.runner.bounds import PATH
from suture_sandbox.secrets import Secrets

_DATABASE = "/database.sqlite"
_OUTPUT = 600


class TrialFailed(Exception):
    """The script did not do in the fixture what it says; the argument says which step, and why."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was tried: ``ran`` is false where a program is missing here; ``problem`` says what went wrong."""

    ran: bool
    steps: tuple[str, ...] = ()
    problem: str = ""

    @property
    def passed(self) -> bool:
        return self.ran and not self.problem


async def try_out(document: ScriptDocument, fixture: Fixture, reversibility: Reversibility) -> Trial:
    """Run fix, verification and rollback in this machine's sandbox; raises ``SandboxUnavailable``."""
    missing = [name for name in fixture.programs if shutil.which(name, path=PATH) is None]
    if missing:
        return Trial(False, problem=f"needs {', '.join(missing)}, which is not installed here")
    with tempfile.TemporaryDirectory(prefix="suture-trial-") as folder:
        trial = _Trial(Path(folder), document, fixture, reversibility)
        try:
            await trial.run()
        except TrialFailed as failure:
            return Trial(True, tuple(trial.steps), str(failure))
        return Trial(True, tuple(trial.steps))


class _Trial:
    """One fixture below ``place/root``; the sandbox keeps its state beside it."""

    def __init__(
        self, place: Path, document: ScriptDocument, fixture: Fixture, reversibility: Reversibility
    ) -> None:
        place = place.resolve()
        place.chmod(0o755)
        self.root = place / "root"
        self.state = place / "state"
        self.document = document
        self.fixture = fixture
        self.reversibility = reversibility
        self.steps: list[str] = []
        self._move = _mover(self.root, (*fixture.files, *fixture.links, *fixture.expect, *document.writes))
        self._runs = 0

    async def run(self) -> None:
        self._lay_out()
        before = self._look()
        sandbox = await self._opened()
        try:
            await self._try(sandbox, before)
        finally:
            await sandbox.close()

    async def _try(self, sandbox: Sandbox, before: dict[str, Any]) -> None:
        plan = self._plan("apply", self.document.body)
        await self._fix(sandbox, plan)
        self._compare_with_expected()
        taken_back = await self._result(sandbox, plan.model_copy(update=_rollback_of(plan)))
        if taken_back.outcome != "rolled_back":
            raise TrialFailed(f"the sandbox could not take it back: {_told(taken_back)}")
        self._must_equal(before, "after the sandbox took it back")
        self.steps.append("rollback restores every byte")
        if self.document.script_type in ("bash", "python") and self.document.rollback.strip():
            await self._take_back_by_its_own_rollback(sandbox, before)

    async def _fix(self, sandbox: Sandbox, plan: RunPlan) -> None:
        result = await self._result(sandbox, plan)
        if result.outcome == "already_remediated":
            raise TrialFailed("its check passes before the fix")
        if result.outcome != "succeeded":
            raise TrialFailed(f"the fix {result.outcome}: {_told(result)}")
        if not self.steps:
            self.steps += ["check fails before", "check passes after"]

    async def _take_back_by_its_own_rollback(self, sandbox: Sandbox, before: dict[str, Any]) -> None:
        """Agents run scripts where no sandbox keeps what was there: the script's own way back counts, too."""
        await self._fix(sandbox, self._plan("apply", self.document.body))
        back = self._plan("apply", self.document.rollback, verified=False)
        result = await self._result(sandbox, back)
        if result.outcome != "succeeded":
            raise TrialFailed(f"its own rollback {result.outcome}: {_told(result)}")
        if self.reversibility != "exact":
            self.steps.append("its own rollback runs")
            return
        self._must_equal(before, "after its own rollback", logs=True)
        self.steps.append("its own rollback restores every byte")

    async def _opened(self) -> Sandbox:
        sandbox: Sandbox = BubblewrapSandbox(self.state)
        if self.document.script_type == "sql":
            sandbox = DatabaseSandbox(self.state, Secrets(self.state))
        await sandbox.open()
        return sandbox

    async def _result(self, sandbox: Sandbox, plan: RunPlan) -> RunResult:
        await sandbox.start(plan)
        return await sandbox.result(plan.run_id)

    def _plan(self, mode: Mode, body: str, *, verified: bool = True) -> RunPlan:
        self._runs += 1
        name = f"trial-{self._runs}"
        is_sql = self.document.script_type == "sql"
        return RunPlan(
            run_id=name,
            claim_id=name,
            execution_id=name,
            mode=mode,
            target="trial",
            kind="database" if is_sql else "local",
            reach={"engine": "sqlite", "path": str(self.root) + _DATABASE} if is_sql else {},
            root=str(self.root),
            script_type=self.document.script_type,
            body=self._move(body),
            rollback=self._move(self.document.rollback),
            verify=self._move(self.document.verify) if verified else "",
            writes=tuple(self._move(path) for path in self.document.writes),
            limits=self.document.limits,
            reversibility=self.reversibility,
        )

    def _lay_out(self) -> None:
        self.root.mkdir(mode=0o755)
        for path, file in self.fixture.files.items():
            text = self._move(file.text)
            _write(Path(self._move(path)), file.model_copy(update={"text": text}))
        for link, leads in self.fixture.links.items():
            place = Path(self._move(link))
            place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            place.symlink_to(self._move(leads))
        if self.fixture.sql:
            with sqlite3.connect(str(self.root) + _DATABASE) as connection:
                connection.executescript(self.fixture.sql)
            connection.close()

    def _look(self) -> dict[str, Any]:
        """Everything below the root: kind, permissions and bytes; of a database, what it holds."""
        found: dict[str, Any] = {}
        for path in sorted(self.root.rglob("*")):
            name, mode = str(path.relative_to(self.root)), path.lstat().st_mode
            if name.startswith(_DATABASE[1:]):
                continue
            if path.is_symlink():
                found[name] = ("link", os.readlink(path))
            else:
                found[name] = (mode, path.read_bytes() if path.is_file() else None)
        if self.fixture.sql:
            found["the database"] = _rows_of(str(self.root) + _DATABASE)
        return found

    def _must_equal(self, before: dict[str, Any], when: str, *, logs: bool = False) -> None:
        now = self._look()
        for path in self.fixture.logs if logs else ():
            name = path[1:]
            (was, old), (mode, new) = before.get(name, (0, b"")), now.get(name, (0, b""))
            if mode == was and new.startswith(old):
                now[name] = before[name]
        changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        if changed:
            raise TrialFailed(f"{when} this is not as it was: {', '.join(changed[:20])}")

    def _compare_with_expected(self) -> None:
        for path, text in self.fixture.expect.items():
            file = Path(self._move(path))
            held = file.read_text("utf-8", "replace") if file.is_file() else None
            wanted = self._move(text) if text is not None else None
            if held != wanted:
                raise TrialFailed(f"after the fix {path} holds {held!r:.300}, not {wanted!r:.300}")


def _rollback_of(plan: RunPlan) -> dict[str, Any]:
    return {"mode": "rollback", "run_id": f"{plan.run_id}-rollback", "reason": "the trial is over"}


def _told(result: RunResult) -> str:
    output = result.output_tail.strip()[-_OUTPUT:]
    return f"{result.detail}; it said: {output}" if output else result.detail


def _mover(root: Path, paths: tuple[str, ...]) -> Callable[[str], str]:
    """Moves every absolute path that begins as one of ``paths`` does below ``root``."""
    tops = sorted({re.escape(path.split("/")[1]) for path in paths})
    if not tops:
        return lambda text: text
    # Not what goes on with a path: "$folder/etc", "${folder}/etc", "srv/etc".
    pattern = re.compile(rf"(?<![\w.}}$*/-])/(?=(?:{'|'.join(tops)})(?![\w.-]))")
    return lambda text: pattern.sub(f"{root}/", text)


def _write(path: Path, file: FixtureFile) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_text(file.text, "utf-8")
    path.chmod(int(file.mode, 8))
    at = time.time() - file.age_days * 86_400
    os.utime(path, (at, at))


def _rows_of(path: str) -> list[str]:
    """The database as statements, without the table of claims that the sandbox keeps in it."""
    connection = sqlite3.connect(path)
    try:
        return [line for line in connection.iterdump() if "suture_" not in line]
    finally:
        connection.close()
