"""Pure decisions: what to try next for a finding, and what is published of what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from suture_contracts.base import Complexity
from suture_contracts.events import ModelUse, Origin, RcaAnalyzed, ScriptGenerated, ScriptGenerationFailed
from suture_contracts.report import Reversibility
from suture_contracts.script import Script, ScriptDocument, SubmittedScript, TemplateRef
from suture_contracts.template import Template
from suture_generation.analysis import SUSPECTED
from suture_generation.errors import GenerationError
from suture_generation.parameters import resolve_parameters, with_example_facts
from suture_generation.render import TemplateCache
from suture_generation.scoring import confidence_parts

MAX_REPAIRS = 2
"""How often a model may correct a script of its own."""

DRAFT_NOTE = (
    "# Draft: no registered target matches yet; what a target's facts will say is the template's example."
)

MODEL_ORIGINS: tuple[Origin, ...] = ("filled", "adapted", "novel", "reused")


@dataclass(frozen=True, slots=True)
class History:
    """What was tried for an analysis so far."""

    model_scripts: int = 0
    used_predefined: bool = False
    tried: tuple[str, ...] = ()

    def and_tried(self, what: str) -> History:
        return replace(self, tried=(*self.tried, what[:500])[-20:])


@dataclass(frozen=True, slots=True)
class Made:
    """A script that is ready to be checked."""

    document: ScriptDocument
    origin: Origin
    reversibility: Reversibility
    complexity: Complexity
    template: Template | None
    history: History
    model: ModelUse | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A model is to write or to repair a script."""

    history: History


@dataclass(frozen=True, slots=True)
class Failed:
    """``left_by`` is the batch's budget that was spent: with more of it, there may still be a script."""

    reason: str
    history: History
    left_by: str | None = None


Step = Made | Ask | Failed


@dataclass(frozen=True, slots=True)
class Planner:
    """Decides the next step; ``has_model``: whether a provider is configured."""

    has_model: bool
    cache: TemplateCache = field(default_factory=TemplateCache)

    def first(self, analysis: RcaAnalyzed) -> Step:
        """What somebody submitted; else template, else model, else the category's predefined action."""
        history = History()
        if analysis.submitted is not None:
            return _submitted(analysis.submitted, analysis.complexity, history)
        if analysis.template is not None:
            made = self._render(analysis, analysis.template, "template", history)
            if isinstance(made, Made):
                return made
            history = made.history
        if self.has_model:
            return Ask(history)
        return self.without_model(analysis, history)

    def after_refusal(self, analysis: RcaAnalyzed, origin: Origin, history: History) -> Step:
        """A model may repair its own scripts, a bounded number of times; then the predefined action."""
        if self.has_model and origin in MODEL_ORIGINS and history.model_scripts <= MAX_REPAIRS:
            return Ask(history)
        return self.without_model(analysis, history)

    def without_model(self, analysis: RcaAnalyzed, history: History) -> Step:
        if analysis.predefined is None or history.used_predefined:
            return Failed(_reason(analysis, history), history)
        spent = replace(history, used_predefined=True)
        made = self._render(analysis, analysis.predefined, "predefined", spent)
        return made if isinstance(made, Made) else Failed(_reason(analysis, made.history), made.history)

    def over_budget(self, analysis: RcaAnalyzed, reason: str, history: History) -> Step:
        """The batch's budget is spent: the predefined action, or left until there is more of it."""
        step = self.without_model(analysis, history.and_tried(f"model: {reason}"))
        if not isinstance(step, Failed) or analysis.budget is None:
            return step
        told = f"{reason}; the same batch with a higher one takes this up again"
        return replace(step, reason=told, left_by=analysis.budget.id)

    def _render(
        self,
        analysis: RcaAnalyzed,
        template: Template,
        origin: Literal["template", "predefined"],
        history: History,
    ) -> Made | Failed:
        try:
            values = resolve_parameters(template, analysis.finding, analysis.targets)
            targets = [target.id for target in analysis.targets]
            if not targets:
                values = with_example_facts(template, values)
            document = self.cache.compiled(template).render(values, targets)
        except GenerationError as error:
            tried = history.and_tried(f"{origin} {template.id} revision {template.revision}: {error}")
            return Failed(str(error), tried)
        if not targets:
            document = _as_draft(document)
        return Made(document, origin, template.reversibility, template.complexity, template, history)


def _submitted(script: SubmittedScript, complexity: Complexity, history: History) -> Made:
    document = script.document()
    return Made(
        document, "operator", "compensating" if document.rollback else "exact", complexity, None, history
    )


def _as_draft(document: ScriptDocument) -> ScriptDocument:
    """It can be read and judged but runs nowhere; the target's registration leads to the next revision."""
    first, newline, rest = document.body.partition("\n")
    return document.model_copy(
        update={"body": f"{first}\n{DRAFT_NOTE}\n{rest}" if newline else document.body}
    )


def _reason(analysis: RcaAnalyzed, history: History) -> str:
    if history.tried:
        return f"no script could be made; {history.tried[0]}"
    return f"no template fits, and {analysis.finding.category} has no predefined action that does"


def repairs_left(made: Made, analysis: RcaAnalyzed, has_model: bool) -> int:
    """How many scripts can still follow when this one is refused."""
    predefined = int(analysis.predefined is not None and not made.history.used_predefined)
    if has_model and made.origin in MODEL_ORIGINS:
        return max(0, MAX_REPAIRS + 1 - made.history.model_scripts) + predefined
    return predefined


@dataclass(frozen=True, slots=True)
class Place:
    """Where a script stands in its document's life: its number, its event's number, and what caused it."""

    script_id: UUID
    revision: int
    sequence: int
    cause: dict[str, str]


def generated(made: Made, analysis: RcaAnalyzed, place: Place, has_model: bool) -> ScriptGenerated:
    template = made.template
    return ScriptGenerated(
        remediation_id=analysis.remediation_id,
        sequence=place.sequence,
        causation_id=place.cause["causation_id"],
        causation_digest=place.cause["causation_digest"],
        script=Script.of(place.script_id, place.revision, made.document),
        origin=made.origin,
        template=TemplateRef(id=template.id, revision=template.revision, title=template.title)
        if template
        else None,
        template_proven=template.proven if template else True,
        reversibility=made.reversibility,
        complexity=made.complexity,
        model=made.model,
        confidence_parts=confidence_parts(
            made.origin,
            made.complexity,
            analysis.finding.confidence,
            suspected=SUSPECTED in analysis.finding.facts,
        ),
        finding=analysis.finding,
        targets=analysis.targets,
        repairs_left=repairs_left(made, analysis, has_model),
        start=analysis.start,
        requested_by=analysis.requested_by,
    )


def again(event: ScriptGenerated, place: Place) -> ScriptGenerated:
    """The same script, byte for byte, as the revision of that place."""
    script = event.script.model_copy(update={"revision": place.revision})
    return event.model_copy(update={"script": script, "sequence": place.sequence, **place.cause})


def failed(step: Failed, analysis: RcaAnalyzed, place: Place) -> ScriptGenerationFailed:
    return ScriptGenerationFailed(
        remediation_id=analysis.remediation_id,
        sequence=place.sequence,
        causation_id=place.cause["causation_id"],
        causation_digest=place.cause["causation_digest"],
        script_id=place.script_id,
        revision=place.revision,
        reason=step.reason[:20_000],
        tried=step.history.tried,
        finding=analysis.finding,
    )


def changes_of(step: Step, place: Place, script: Script | None) -> dict[str, Any]:
    """What a step changes in the stored document; ``revision`` counts scripts, ``published`` events."""
    history = {
        "model_scripts": step.history.model_scripts,
        "used_predefined": step.history.used_predefined,
        "tried": list(step.history.tried),
    }
    common = {"history": history, "cause": place.cause, "claim": None, "left_by": None}
    if isinstance(step, Ask):
        return {**common, "state": "generating", "attempts": 0}
    if isinstance(step, Failed):
        return {
            **common,
            "state": "generation_failed",
            "reason": step.reason,
            "left_by": step.left_by,
            "published": place.sequence + 1,
        }
    return {
        **common,
        "state": "generated",
        "revision": place.revision,
        "published": place.sequence + 1,
        "origin": step.origin,
        "template": f"{step.template.id}:{step.template.revision}" if step.template else None,
        "document": script.document if script else None,
        "sha256": script.sha256 if script else None,
        "reversibility": step.reversibility,
        "complexity": step.complexity,
    }


def differs_in_budget_alone(stored: RcaAnalyzed, analysis: RcaAnalyzed) -> bool:
    """Whether nothing changed but what the batch may spend: what is there already stays."""
    apart = {"sequence", "causation_id", "causation_digest", "budget"}
    return stored.budget != analysis.budget and (
        stored.model_dump(exclude=apart) == analysis.model_dump(exclude=apart)
    )


def reused(stored: dict[str, Any], analysis: RcaAnalyzed) -> Made:
    """The script that succeeded for an equal finding; it is judged and approved like a new one."""
    document = ScriptDocument.model_validate_json(stored["document"])
    targets = tuple(target.id for target in analysis.targets)
    return Made(
        document.model_copy(update={"targets": targets}),
        "reused",
        stored["reversibility"],
        stored["complexity"],
        None,
        History(),
    )


def history_of(stored: dict[str, Any]) -> History:
    return History(stored["model_scripts"], stored["used_predefined"], tuple(stored["tried"]))
