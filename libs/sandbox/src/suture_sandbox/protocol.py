"""What the executor asks of a sandbox, whatever it is made of."""

from __future__ import annotations

from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field
from suture_contracts.base import ScriptType
from suture_contracts.events import ExecutionOutcome, Mode
from suture_contracts.report import Reversibility
from suture_contracts.script import Limits, ScriptDocument
from suture_contracts.target import Target, TargetKind

MOST_PROGRESS = 256 << 10
"""What a run says of itself while it runs, in bytes at most."""


class SandboxUnavailable(Exception):
    """This machine cannot give the isolation that a run needs: nothing is run. The argument says why."""


class RunLost(Exception):
    """A run was started, and neither its claim nor its result can be found: its outcome is unknown."""


class RunPlan(BaseModel):
    """One run on one target. ``run_id`` is derived: the same id is the same run, and runs once.

    ``reach`` and ``secret_ref`` are the target's own. For kind ``local``, ``root`` is the real path of the
    folder that is its ceiling, ``reads`` are folders or files that are shown besides it, ``hide`` are paths
    that are never shown. ``not_after`` is in seconds since 1970. ``expected`` is what a rehearsal has
    ``seen``: where it is otherwise now, nothing is run. Empty, nothing is expected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,120}$")
    claim_id: str = Field(
        pattern=r"^[A-Za-z0-9._-]{1,120}$", description="Of the apply run; a rollback names the same"
    )
    execution_id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,120}$")
    mode: Mode
    target: str
    kind: TargetKind = "local"
    reach: dict[str, Any] = Field(default_factory=dict)
    secret_ref: str | None = None
    root: str = ""
    reads: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    script_type: ScriptType
    body: str
    rollback: str = ""
    verify: str = ""
    writes: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    limits: Limits = Limits()
    reversibility: Reversibility = "exact"
    not_after: float | None = None
    expected: dict[str, str] = Field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    reason: str = ""

    @classmethod
    def of(cls, script: ScriptDocument, **fields: Any) -> RunPlan:
        """A plan of all that the script itself says; ``fields`` are what is said of the run."""
        return cls(
            script_type=script.script_type,
            body=script.body,
            rollback=script.rollback,
            verify=script.verify,
            writes=script.writes,
            egress=script.egress,
            limits=script.limits,
            **fields,
        )


class RunResult(BaseModel):
    """What happened. ``before`` and ``after`` are digests by path or object.

    ``isolation`` is what was in force; ``undo`` are shell commands that take the change back by hand. A
    rehearsal also says which ``rights`` the run needs on its target, which of them are ``missing``, and what
    it has ``seen``: digests of all that the run would change, bounded as ``runner/seen.py`` says.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    run_id: str
    target: str
    mode: Mode
    outcome: ExecutionOutcome
    exit_code: int | None = None
    snapshot: str | None = None
    before: dict[str, str] = Field(default_factory=dict)
    after: dict[str, str] = Field(default_factory=dict)
    output_tail: str = ""
    detail: str = ""
    isolation: tuple[str, ...] = ()
    seconds: float = 0.0
    diff: str = ""
    undo: str = ""
    rights: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    seen: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def not_begun(cls, run_id: str, target: str, mode: Mode, reason: str) -> RunResult:
        """Of a run that was refused, or that nobody took: all is as it was before."""
        ends: dict[Mode, ExecutionOutcome] = {"apply": "not_applied", "rollback": "rollback_failed"}
        return cls(
            run_id=run_id,
            target=target,
            mode=mode,
            outcome=ends.get(mode, "unknown"),
            detail=f"nothing was run: {reason}",
        )


class Reached(BaseModel):
    """What a look at a target found: nothing is changed for it."""

    model_config = ConfigDict(frozen=True)

    reachable: bool
    detail: str = ""
    rights: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    isolation: tuple[str, ...] = ()


class Sandbox(Protocol):
    """Starts runs that outlive the process that asked for them."""

    name: str
    kinds: frozenset[TargetKind]
    """The kinds of target that it reaches."""
    script_types: frozenset[str]

    async def open(self) -> tuple[str, ...]:
        """Get ready and say the isolation that will be in force; raises ``SandboxUnavailable``."""
        ...

    async def close(self) -> None:
        """Let go of connections; what runs goes on."""
        ...

    async def start(self, plan: RunPlan) -> None:
        """Start the run, or adopt it where it was started; what was killed is taken back, not run again.

        Raises ``SandboxUnavailable``; where it does, nothing was started.
        """
        ...

    async def result(self, run_id: str) -> RunResult:
        """Wait for the end of a started run; raises ``RunLost``. May be cancelled and asked again."""
        ...

    async def progress(self, run_id: str) -> bytes:
        """What the run did and printed so far: JSON lines ``{"at", "step"}`` and ``{"at", "line"}``, masked.

        Empty where nothing is known. Never raises for a run that is not there, or a target out of reach.
        """
        ...

    async def abort(self, run_id: str) -> None:
        """Kill what runs and take it back; the result says so. Nothing happens where it has ended."""
        ...

    async def forget(self, run_id: str) -> None:
        """Drop what is kept only until the result is stored; claim and snapshot stay."""
        ...

    async def check(self, target: Target) -> Reached:
        """Look whether the target can be reached, and with which rights."""
        ...

    def identity(self) -> dict[str, Any]:
        """Where runs are recorded, as stored with an execution: another place cannot adopt its runs."""
        ...
