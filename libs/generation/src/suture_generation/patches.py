"""A patch for a vulnerability, from Python: a packaged template where one fits, else a model."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

from suture_contracts.findings import VulnerabilityReported
from suture_contracts.report import Reversibility
from suture_contracts.script import ScriptDocument
from suture_contracts.target import Target

from suture_generation.analysis import Analysis, Templates, analyze_report
from suture_generation.authoring import Task
from suture_generation.catalog import released_templates
from suture_generation.errors import GenerationError
from suture_generation.filling import fill_or_write
from suture_generation.parameters import resolve_parameters
from suture_generation.providers import get_llm_client
from suture_generation.render import TemplateCache
from suture_generation.scoring import confidence_parts
from suture_generation.vulnerabilities import VulnerabilityAnalysis


@dataclass(frozen=True, slots=True)
class PatchResult:
    """``confidence_score`` is 0 to 1; ``tokens_used`` is 0 where no model was asked."""

    patch_content: str
    rollback_script: str
    verification_script: str
    confidence_score: float
    tokens_used: int
    reversibility: Reversibility
    document: ScriptDocument


class AIPatchGenerator:
    """``async with AIPatchGenerator(llm_provider="openai", llm_model="…") as generator: …``."""

    def __init__(
        self, llm_provider: str = "none", llm_model: str | None = None, base_url: str | None = None
    ) -> None:
        self._provider = get_llm_client(llm_provider, model=llm_model, base_url=base_url)
        self._cache = TemplateCache()
        self._templates = Templates(released_templates(), self._cache)

    async def __aenter__(self) -> AIPatchGenerator:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._provider.close()

    async def generate_patch(
        self,
        vulnerability: VulnerabilityReported,
        analysis: VulnerabilityAnalysis,
        target: Target | None = None,
    ) -> PatchResult:
        """``target`` is the host to patch: its facts say what a report cannot, as the unit to stop.

        Raises ``GenerationError`` where no template fits and no provider is set, or a ``ModelError``.
        """
        targets = () if target is None else (target,)
        report = analyze_report(vulnerability, targets, self._templates)
        if not report.actionable:
            raise GenerationError(report.reason)
        patch = self._from_template(report, analysis, targets)
        return patch or await self._from_model(report, analysis, targets)

    def _from_template(
        self, report: Analysis, analysis: VulnerabilityAnalysis, targets: tuple[Target, ...]
    ) -> PatchResult | None:
        if report.template is None:
            return None
        try:
            values = resolve_parameters(report.template, report.finding, targets)
            named = [target.id for target in targets]
            document = self._cache.compiled(report.template).render(values, named)
        except GenerationError:
            if self._provider.name == "none":
                raise
            return None
        parts = confidence_parts("template", report.complexity, analysis.confidence)
        return _result(document, report.template.reversibility, parts, 0)

    async def _from_model(
        self, report: Analysis, analysis: VulnerabilityAnalysis, targets: tuple[Target, ...]
    ) -> PatchResult:
        if self._provider.name == "none":
            raise GenerationError(f"{report.reason}: no template fits", remedy="choose a model provider")
        task = Task(report.finding, targets, "bash", report.template)
        authored = await fill_or_write(self._provider, task, self._cache)
        parts = confidence_parts(authored.origin, report.complexity, analysis.confidence)
        return _result(authored.document, authored.reversibility, parts, authored.completion.tokens_used)


def _result(
    document: ScriptDocument, reversibility: Reversibility, parts: dict[str, float], tokens: int
) -> PatchResult:
    score = round(sum(parts.values()) / len(parts), 2)
    return PatchResult(
        document.body, document.rollback, document.verify, score, tokens, reversibility, document
    )
