"""Pure decisions: what was asked, which targets it means, what is published of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from suture_contracts.base import Principal, Start
from suture_contracts.commands import Batch
from suture_contracts.events import Budget, Finding, RcaAnalyzed, Repeat
from suture_contracts.findings import RcaReceived, VulnerabilityReported
from suture_contracts.ids import sha256
from suture_contracts.script import SubmittedScript
from suture_contracts.target import Target
from suture_contracts.template import Template
from suture_generation.analysis import Analysis, Templates, analyze_rca, analyze_report

MAX_TARGETS = 100


_OF_SCRIPTS = "submit-script"


class TooManyTargets(ValueError):
    """A finding means more targets than one script may have."""


@dataclass(frozen=True, slots=True)
class Request:
    """A finding, a vulnerability or somebody's own script, how it is to start, and who asked for it.

    Nobody asked where a detector published it.
    """

    message: RcaReceived | VulnerabilityReported | SubmittedScript
    start: Start
    requested_by: Principal | None = None
    budget: Budget | None = None

    @property
    def type(self) -> str:
        return _OF_SCRIPTS if isinstance(self.message, SubmittedScript) else self.message.TYPE

    @property
    def submitted(self) -> SubmittedScript | None:
        return self.message if isinstance(self.message, SubmittedScript) else None

    @property
    def systems(self) -> tuple[str, ...]:
        if isinstance(self.message, SubmittedScript):
            return self.message.targets
        return self.message.affected_systems

    @property
    def owner(self) -> str | None:
        """Whose targets are meant where the finding names none: the agent's that asks."""
        asker = self.requested_by
        return asker.id if asker is not None and asker.role == "agent" and not self.systems else None

    def digest(self) -> str:
        """Tells a repeated request from another one under the same id."""
        return sha256(f"{self.type}:{self.start}:{self.message.model_dump_json()}".encode())

    def stored(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "message": self.message.model_dump(mode="json"),
            "start": self.start,
            "requested_by": self.requested_by.model_dump() if self.requested_by else None,
            "budget": self.budget.model_dump() if self.budget else None,
        }

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Request:
        model = _MODELS[stored["type"]]
        asker, budget = stored["requested_by"], stored.get("budget")
        return cls(
            model.model_validate(stored["message"]),
            stored["start"],
            Principal.model_validate(asker) if asker else None,
            Budget.model_validate(budget) if budget else None,
        )


_MODELS: dict[str, type[RcaReceived | VulnerabilityReported | SubmittedScript]] = {
    RcaReceived.TYPE: RcaReceived,
    VulnerabilityReported.TYPE: VulnerabilityReported,
    _OF_SCRIPTS: SubmittedScript,
}


class UnfitTarget(ValueError):
    """A script was submitted for a target that there is not, or that does not take its type."""


class Registry:
    """The registered targets, found by id, by the services that run there, or by owner."""

    def __init__(self, targets: Iterable[Target] = ()) -> None:
        self._targets: dict[str, Target] = {}
        self._by_name: dict[str, set[str]] = {}
        self._by_owner: dict[str, set[str]] = {}
        for target in targets:
            self.put(target)

    def put(self, target: Target) -> None:
        self.remove(target.id)
        self._targets[target.id] = target
        for name in names_of(target):
            self._by_name.setdefault(name, set()).add(target.id)
        self._by_owner.setdefault(target.owner, set()).add(target.id)

    def remove(self, target_id: str) -> None:
        known = self._targets.pop(target_id, None)
        if known is not None:
            for name in names_of(known):
                self._by_name[name].discard(target_id)
            self._by_owner[known.owner].discard(target_id)

    def resolve(self, request: Request) -> tuple[Target, ...]:
        """The targets that a request means, by id; raises ``TooManyTargets`` or ``UnfitTarget``."""
        if request.submitted is not None:
            return self._named(request.submitted)
        found: set[str] = set()
        for system in request.systems:
            found |= self._by_name.get(system, set())
        if request.owner is not None:
            found |= self._by_owner.get(request.owner, set())
        if len(found) > MAX_TARGETS:
            raise TooManyTargets(
                f"affected_systems means {len(found)} targets; one finding takes {MAX_TARGETS}"
            )
        return tuple(self._targets[target_id] for target_id in sorted(found))

    def _named(self, script: SubmittedScript) -> tuple[Target, ...]:
        """Each by its very id: somebody's own script goes nowhere else."""
        for id in script.targets:
            if id not in self._targets:
                raise UnfitTarget(f"there is no target {id}")
            if script.script_type not in self._targets[id].allowed_types:
                raise UnfitTarget(f"target {id} does not take {script.script_type} scripts")
        return tuple(self._targets[id] for id in script.targets)


def names_of(target: Target) -> tuple[str, ...]:
    """What findings may call a target: its id, and the services that its facts list."""
    services = target.facts.get("services", ())
    named = (
        [name for name in services if isinstance(name, str)] if isinstance(services, (list, tuple)) else []
    )
    return tuple(dict.fromkeys((target.id, *named[:100])))


def analyse(request: Request, targets: Sequence[Target], templates: Templates) -> Analysis:
    if isinstance(request.message, SubmittedScript):
        return _of_script(request.message)
    if isinstance(request.message, RcaReceived):
        return analyze_rca(request.message, targets, templates)
    return analyze_report(request.message, targets, templates)


def is_storming(request: Request, analysis: Analysis) -> bool:
    """Whether it may count towards another: detectors repeat themselves; who asks by name means it."""
    return analysis.actionable and request.requested_by is None and isinstance(request.message, RcaReceived)


def counted(analysis: Analysis, repeats: Repeat) -> Analysis:
    """A finding that repeats another one: there is nothing to do beside it."""
    first = repeats.remediation_id
    reason = f"it repeats a finding that is being remedied, and counts towards it: remediation {first}"
    return replace(analysis, actionable=False, reason=reason, template=None, predefined=None)


def _of_script(script: SubmittedScript) -> Analysis:
    """Nothing was found and nothing is to be written: the script is there."""
    digest = sha256(script.document().canonical().encode())
    finding = Finding(
        kind="script",
        reference=digest[:16],
        category="Other",
        details=f"somebody's own script: {script.title}",
        affected_systems=script.targets,
        severity="info",
        confidence=1.0,
        fingerprint=digest,
    )
    # How hard it is to get right, nobody rated.
    return Analysis(True, "", finding, script.script_type, "medium", template=None, predefined=None)


def event_of(
    remediation_id: UUID,
    sequence: int,
    cause: dict[str, str],
    request: Request,
    analysis: Analysis,
    targets: tuple[Target, ...],
    repeats: Repeat | None = None,
) -> RcaAnalyzed:
    """``cause`` has ``causation_id`` and ``causation_digest``."""
    return RcaAnalyzed(
        remediation_id=remediation_id,
        sequence=sequence,
        causation_id=cause["causation_id"],
        causation_digest=cause["causation_digest"],
        outcome="analyzed" if analysis.actionable else "no_action",
        reason=analysis.reason,
        finding=analysis.finding,
        script_type=analysis.script_type,
        complexity=analysis.complexity,
        template=_to_render(analysis.template),
        predefined=_to_render(analysis.predefined),
        targets=targets,
        submitted=request.submitted,
        start=request.start,
        requested_by=request.requested_by,
        repeats=repeats,
        budget=request.budget,
    )


def budget_of(batch: Batch) -> Budget | None:
    """That of the batch's day and filter; ``None`` where the command says nothing of it."""
    if not batch.max_tokens and not batch.max_usd:
        return None
    meant = batch.vulnerability_id or ",".join(sorted(batch.severities))
    return Budget(id=f"{batch.day}:{meant}", tokens=batch.max_tokens, usd=batch.max_usd)


def _to_render(template: Template | None) -> Template | None:
    """The revision without what only its author needs: fixtures would travel with every finding."""
    return template.model_copy(update={"fixtures": ()}) if template and template.fixtures else template


def document_of(
    remediation_id: UUID,
    cause: dict[str, str],
    request: Request,
    analysis: Analysis,
    targets: tuple[Target, ...],
) -> dict[str, Any]:
    """The analysis as it is stored; what a later analysis changes is ``changes_of``."""
    return {
        "_id": str(remediation_id),
        "request": request.stored(),
        "request_digest": request.digest(),
        "systems": list(request.systems),
        "owner": request.owner,
        "cause": cause,
        **changes_of(0, analysis, targets),
    }


def changes_of(sequence: int, analysis: Analysis, targets: Sequence[Target]) -> dict[str, Any]:
    template = analysis.template
    return {
        "state": "analyzed" if analysis.actionable else "no_action",
        "sequence": sequence,
        "reason": analysis.reason,
        "category": analysis.finding.category,
        "severity": analysis.finding.severity,
        "fingerprint": analysis.finding.fingerprint,
        "template": f"{template.id}:{template.revision}" if template else None,
        "targets": [target.id for target in targets],
        "needs_target": analysis.actionable and not targets,
    }
