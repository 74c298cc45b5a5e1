"""The sandbox on this machine: a runner process a run, which starts each script inside bubblewrap."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from suture_contracts.target import Target, TargetKind

from suture_sandbox.archives import config_archive
from suture_sandbox.probe import Isolation, probe
from suture_sandbox.processes import RunnerProcesses
from suture_sandbox.protocol import Reached, RunPlan, SandboxUnavailable
from suture_sandbox.reach import reloads_of
from suture_sandbox.visibility import readable_by_others


class BubblewrapSandbox(RunnerProcesses):
    """Runs on targets of kind ``local``; ``state`` keeps claims, snapshots and results over restarts."""

    name = "bubblewrap"
    kinds: frozenset[TargetKind] = frozenset({"local"})
    script_types = frozenset({"bash", "python", "config"})

    def __init__(self, state: Path) -> None:
        super().__init__(state, "suture_sandbox.runner.main")
        self._isolations: tuple[Isolation, ...] = ()

    async def open(self) -> tuple[str, ...]:
        """Make the state folder, find out what this machine can do; raises ``SandboxUnavailable``."""
        self.make_folders()
        self._isolations = await asyncio.to_thread(probe)
        return self._isolations[0].words

    async def check(self, target: Target) -> Reached:
        """See ``Sandbox.check``: the root is there, and this machine isolates."""
        root = str(target.reach.get("root", ""))
        found = await asyncio.to_thread(os.path.isdir, root)
        isolation = self._isolations[0].words if self._isolations else ()
        problem = "" if found else f"{root}: no such folder on the executor's machine"
        return Reached(
            reachable=found and bool(isolation),
            detail=problem
            or ("" if isolation else "this machine gives no isolation; see the executor's log"),
            rights=(f"read {root}", "write what a script declares below it"),
            isolation=isolation,
        )

    def identity(self) -> dict[str, Any]:
        return {"sandbox": self.name, "home": self._home}

    async def start(self, plan: RunPlan) -> None:
        """See ``Sandbox.start``. A second runner of a run waits for the first one's lock, then ends."""
        if not self._isolations:
            raise SandboxUnavailable("the sandbox was not opened")
        # The strictest, unless the script's own user could not read what the script is about.
        isolation = self._isolations[0 if await asyncio.to_thread(readable_by_others, plan) else -1]
        if plan.script_type == "config":
            isolation = await asyncio.to_thread(self._with_patcher, isolation)
        if plan.script_type not in isolation.interpreters:
            raise SandboxUnavailable(f"no interpreter for {plan.script_type} scripts on this machine")
        try:
            self.begin(plan.run_id, self._job(plan, isolation))
        except ValueError as error:
            raise SandboxUnavailable(str(error)) from None

    def _with_patcher(self, isolation: Isolation) -> Isolation:
        """With the interpreter of configuration patches, a file that scripts read in the sandbox."""
        data, digest = config_archive()
        path = self._state / "tools" / f"config-{digest[:16]}.pyz"
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            temporary = path.with_suffix(".new")
            temporary.write_bytes(data)
            temporary.chmod(0o444)
            temporary.rename(path)
        patcher = [*isolation.interpreters["python"], str(path)]
        interpreters = {**isolation.interpreters, "config": patcher}
        return replace(isolation, interpreters=interpreters, binds=[*isolation.binds, str(path)])

    def _job(self, plan: RunPlan, isolation: Isolation) -> dict[str, Any]:
        raw = plan.model_dump(mode="json")
        raw["hide"] = [*raw["hide"], str(self._state)]
        return {
            **self._places(plan),
            "plan": raw,
            "tag": hashlib.sha256(plan.claim_id.encode()).hexdigest()[:12],
            "bwrap": isolation.bwrap,
            "identity": isolation.identity,
            "isolation": list(isolation.words),
            "interpreters": isolation.interpreters,
            "binds": isolation.binds,
            "reload": reloads_of(plan.reach),
        }
