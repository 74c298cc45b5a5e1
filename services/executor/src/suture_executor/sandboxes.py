"""The one sandbox for each kind of target, and the agents for hosts of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from structlog.typing import FilteringBoundLogger
from suture_contracts.target import Target, TargetKind
from suture_sandbox.protocol import Sandbox, SandboxUnavailable

from suture_executor.agents import AgentSandbox


class Sandboxes:
    """One sandbox reaches all targets of an execution; ``domain.refusal`` sees to it.

    Without ``agents`` a host that is an agent's own is reached by none.
    """

    def __init__(self, sandboxes: Sequence[Sandbox], agents: Sandbox | None = None) -> None:
        self._all = (*sandboxes, *([agents] if agents is not None else []))
        self._agents = agents
        self._by_kind: dict[TargetKind, Sandbox] = {kind: one for one in sandboxes for kind in one.kinds}

    def find(self, target: Target) -> Sandbox | None:
        return self._agents if AgentSandbox.runs_on(target) else self._by_kind.get(target.kind)

    def are_agents(self, targets: Iterable[Target | None]) -> bool:
        """Whether an agent runs scripts on one of these itself."""
        return any(target is not None and AgentSandbox.runs_on(target) for target in targets)

    def of(self, target: Target) -> Sandbox:
        """Raises ``SandboxUnavailable`` where no sandbox reaches targets of that kind."""
        found = self.find(target)
        if found is None:
            raise SandboxUnavailable(
                f"target {target.id} is of kind {target.kind}, for which no sandbox is at hand"
            )
        return found

    async def open(self, log: FilteringBoundLogger) -> None:
        """Get all of them ready; what one refuses is said, and each of its runs is refused with it."""
        for one in self._all:
            try:
                log.info("sandbox_open", sandbox=one.name, isolation=await one.open())
            except SandboxUnavailable as error:
                log.error("sandbox_unavailable", sandbox=one.name, reason=str(error))

    async def close(self) -> None:
        for one in self._all:
            await one.close()
