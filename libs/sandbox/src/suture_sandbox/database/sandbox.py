"""Databases as a sandbox: what runs is SQL, inside the database; see ``Sandbox``."""

from __future__ import annotations

import asyncio
import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suture_contracts.target import Target, TargetKind

from suture_sandbox.database.reach import DatabaseReach, reach_of
from suture_sandbox.processes import RunnerProcesses
from suture_sandbox.protocol import Reached, RunPlan, SandboxUnavailable

if TYPE_CHECKING:
    from suture_sandbox.secrets import Secrets

_ISOLATION = (
    "database: one transaction, in which nothing but the declared statements runs",
    "limits: rows, time of statements and of waiting for locks",
    "rights: those of the database's user",
)


class DatabaseSandbox(RunnerProcesses):
    """Runs on targets of kind ``database``; ``state`` keeps jobs and results, the database its claims."""

    name = "database"
    kinds: frozenset[TargetKind] = frozenset({"database"})
    script_types = frozenset({"sql"})

    def __init__(self, state: Path, secrets: Secrets) -> None:
        super().__init__(state / "database", "suture_sandbox.runner.database.main", _driver_paths())
        self._secrets = secrets

    async def open(self) -> tuple[str, ...]:
        self.make_folders()
        return _ISOLATION

    def identity(self) -> dict[str, Any]:
        return {"sandbox": self.name, "home": self._home}

    async def start(self, plan: RunPlan) -> None:
        """See ``Sandbox.start``."""
        self.begin(plan.run_id, await asyncio.to_thread(self._job, plan))

    async def check(self, target: Target) -> Reached:
        """See ``Sandbox.check``: it can be connected to, and there is or may be made a table of claims."""
        plan = RunPlan(
            run_id=f"check-{os.urandom(8).hex()}", claim_id="check", execution_id="check", mode="check",
            target=target.id, kind="database", reach=target.reach, secret_ref=target.secret_ref,
            script_type="sql", body="UPDATE nothing SET a = 1 WHERE false", verify="SELECT 1",
        )  # fmt: skip
        try:
            await self.start(plan)
            found = await self.result(plan.run_id)
            await self.forget(plan.run_id)
        except SandboxUnavailable as error:
            return Reached(reachable=False, detail=str(error))
        reachable = found.outcome == "already_remediated"
        return Reached(reachable=reachable, detail="" if reachable else found.detail, isolation=_ISOLATION)

    def _job(self, plan: RunPlan) -> dict[str, Any]:
        from suture_sandbox.database import statements

        try:
            reach = reach_of(plan.reach)
            has_rollback = bool(plan.rollback.strip())
            steps = statements.steps(plan.body, reach.engine, has_rollback)
            verify = statements.query(plan.verify, reach.engine) if plan.verify.strip() else ""
            dialect = "postgres" if reach.engine == "postgresql" else "sqlite"
            defined = has_rollback and any(one["kind"] == "definition" for one in steps)
            rollback = statements.split(plan.rollback, dialect) if defined else []
        except ValueError as error:
            raise SandboxUnavailable(str(error)) from None
        return {
            **self._places(plan),
            "plan": plan.model_dump(mode="json"),
            "secret": self._secret_file(plan, reach),
            "isolation": list(_ISOLATION),
            "database": {
                **reach.model_dump(mode="json"),
                "steps": steps,
                "verify": verify,
                "rollback": rollback,
            },
        }

    def _secret_file(self, plan: RunPlan, reach: DatabaseReach) -> str | None:
        """The address with its password, for the runner alone; it goes with the run's folder."""
        if reach.engine == "sqlite":
            return None
        if plan.secret_ref is None:
            raise SandboxUnavailable("target.secret_ref: names the file that holds the database's address")
        text = self._secrets.read(plan.secret_ref)
        work = self._work(plan.run_id)
        work.mkdir(mode=0o700, exist_ok=True)
        path = work / "secret.json"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(text, file)
        return str(path)


def _driver_paths() -> tuple[str, ...]:
    """Where the driver and what it needs are installed."""
    found = [find_spec(name) for name in ("pg8000", "scramp", "dateutil", "asn1crypto")]
    places = [str(Path(spec.origin).resolve().parents[1]) for spec in found if spec and spec.origin]
    return tuple(dict.fromkeys(places))
