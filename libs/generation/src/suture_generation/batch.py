"""One finding or vulnerability in, one generated script out: without any system running."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from suture_contracts.events import Origin
from suture_contracts.findings import RcaReceived
from suture_contracts.script import ScriptDocument
from suture_contracts.target import Target
from suture_contracts.template import Template

from suture_generation.analysis import Analysis, Templates, analyze_rca, analyze_report
from suture_generation.authoring import Refusal, Task
from suture_generation.catalog import released_templates
from suture_generation.errors import GenerationError
from suture_generation.filling import fill_or_write
from suture_generation.parameters import resolve_parameters
from suture_generation.providers import ModelError, Provider
from suture_generation.render import TemplateCache
from suture_generation.rows import Row, read_row

MAX_REPAIRS = 2
"""How often a model may correct a script that the safety analysis refused."""


@dataclass(frozen=True, slots=True)
class Generated:
    """What became of one line; without a script ``reason`` says why."""

    id: str
    outcome: Literal["generated", "no_action", "generation_failed"]
    reason: str
    category: str | None = None
    document: ScriptDocument | None = None
    origin: Origin | None = None
    template: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_row(self) -> dict[str, Any]:
        document, facts = self.document, self.facts
        written = document is not None
        return {
            "id": self.id,
            "outcome": self.outcome,
            "reason": self.reason,
            "category": self.category,
            "script_type": document.script_type if document else None,
            "targets": _objects_of(document) if document else [],
            "package": facts.get("package"),
            "version": facts.get("fixed_version") if written else None,
            "package_manager": facts.get("package_manager"),
            "script": document.body if document else None,
            "rollback": document.rollback if document else None,
            "verify": document.verify if document else None,
            "origin": self.origin,
            "template": self.template,
        }


class BatchGenerator:
    """Templates first, a model where one is given, the category's predefined action last."""

    def __init__(self, provider: Provider, templates: Sequence[Template] | None = None) -> None:
        self._provider = provider
        self._cache = TemplateCache()
        self._templates = Templates(released_templates() if templates is None else templates, self._cache)

    async def generate(self, data: Any, number: int = 1, targets: Sequence[Target] = ()) -> Generated:
        """Never raises for a bad line: that, too, is an outcome."""
        try:
            row = read_row(data, number)
        except GenerationError as error:
            return Generated(f"line-{number}", "generation_failed", str(error))
        if isinstance(row.message, RcaReceived):
            analysis = analyze_rca(row.message, targets, self._templates)
        else:
            analysis = analyze_report(row.message, targets, self._templates)
        if not analysis.actionable:
            return _without(row, analysis, "no_action", analysis.reason)
        return await self._made(row, analysis, targets)

    async def _made(self, row: Row, analysis: Analysis, targets: Sequence[Target]) -> Generated:
        tried: list[str] = []
        if analysis.template is not None:
            try:
                return self._rendered(row, analysis, analysis.template, "template", targets)
            except GenerationError as error:
                tried.append(f"template {analysis.template.id}: {error}")
        if self._provider.name != "none":
            try:
                return await self._written(row, analysis, targets)
            except (ModelError, GenerationError) as error:
                tried.append(f"{self._provider.name}: {error}")
        if analysis.predefined is not None:
            try:
                return self._rendered(row, analysis, analysis.predefined, "predefined", targets)
            except GenerationError as error:
                tried.append(f"predefined action {analysis.predefined.id}: {error}")
        return _nothing_made(row, analysis, tried)

    def _rendered(
        self, row: Row, analysis: Analysis, template: Template, origin: Origin, targets: Sequence[Target]
    ) -> Generated:
        values = resolve_parameters(template, analysis.finding, targets)
        document = self._cache.compiled(template).render(values, [target.id for target in targets])
        return Generated(
            row.id,
            "generated",
            template.title,
            analysis.finding.category,
            document,
            origin,
            template.id,
            analysis.finding.facts,
        )

    async def _written(self, row: Row, analysis: Analysis, targets: Sequence[Target]) -> Generated:
        # Here, not above: the analysis is needed for a model's script alone, and costs memory.
        from suture_safety import analyse_document

        task = Task(analysis.finding, tuple(targets), analysis.script_type, analysis.template)
        for _ in range(MAX_REPAIRS + 1):
            authored = await fill_or_write(self._provider, task, self._cache)
            report = analyse_document(authored.document)
            if report.is_valid:
                return Generated(
                    row.id,
                    "generated",
                    authored.explanation[:1_000],
                    analysis.finding.category,
                    authored.document,
                    authored.origin,
                    None,
                    analysis.finding.facts,
                )
            refusal = Refusal(authored.document, report.findings)
            task = Task(task.finding, task.targets, task.script_type, task.template, refusal)
        raise GenerationError(f"refused after {MAX_REPAIRS} repairs: {', '.join(report.errors)}"[:1_000])


def _nothing_made(row: Row, analysis: Analysis, tried: Sequence[str]) -> Generated:
    reason = "; ".join(tried) or f"no template fits: {analysis.reason}"
    facts = analysis.finding.facts
    if analysis.finding.kind == "vulnerability" and not facts.get("fixed_version"):
        return _without(row, analysis, "no_action", f"no fixed version is known, and no workaround: {reason}")
    if analysis.names_nothing:
        return _without(row, analysis, "no_action", f"the finding names no object to change: {reason}")
    return _without(row, analysis, "generation_failed", reason)


def _without(
    row: Row, analysis: Analysis, outcome: Literal["no_action", "generation_failed"], reason: str
) -> Generated:
    return Generated(row.id, outcome, reason, analysis.finding.category, facts=analysis.finding.facts)


def _objects_of(document: ScriptDocument) -> list[str]:
    """What the script changes: the registered targets, else ``namespace/kind/name``, a package, a path."""
    if document.targets:
        return list(document.targets)
    given = document.parameters
    prefix = f"{given['namespace']}/" if "namespace" in given else ""
    workloads = given.get("workloads") or [given[name] for name in ("workload",) if name in given]
    named = [f"{prefix}{workload}" for workload in workloads]
    named += [f"{prefix}{kind}/{given[name]}" for name, kind in _KIND_OF.items() if name in given]
    named += [str(given[name]) for name in ("package", "unit", "config_path", "path") if name in given]
    return named or ([str(given["namespace"])] if prefix else [])


_KIND_OF = {
    "service": "service",
    "config_map": "configmap",
    "configmap_name": "configmap",
    "secret_name": "secret",
    "schedule": "schedule",
    "policy": "networkpolicy",
    "autoscaler": "horizontalpodautoscaler",
    "quota": "resourcequota",
    "role": "role",
    "flag": "flag",
}
