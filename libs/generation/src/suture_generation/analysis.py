"""A finding understood: what it is about, which template fits it, how hard the change is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from suture_contracts.base import Complexity, ScriptType
from suture_contracts.events import Finding
from suture_contracts.findings import RcaReceived, VulnerabilityReported
from suture_contracts.ids import sha256
from suture_contracts.target import Target
from suture_contracts.template import Template

from suture_generation.errors import GenerationError
from suture_generation.injection import suspicion
from suture_generation.keywords import Keywords
from suture_generation.objects import facts_of, names_object
from suture_generation.parameters import resolve_parameters
from suture_generation.render import TemplateCache
from suture_generation.schema import validate_parameters
from suture_generation.vulnerabilities import PatchType, VulnerabilityAnalysis, analyze_vulnerability

VULNERABILITY_CATEGORY = "Vulnerability"
SUSPECTED = "suspected_injection"
LOW_CONFIDENCE = 0.3
_DETECTED_BY_SCANNER = 0.9
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[t ][\d:.,]+z?")


@dataclass(frozen=True, slots=True)
class Approach:
    """How findings of a category are usually met, where no template says it better."""

    summary: str
    script_type: ScriptType
    complexity: Complexity


APPROACHES = {
    "Configuration": Approach("put the configuration right", "bash", "low"),
    "ResourceExhaustion": Approach("free the resource or raise its limit", "bash", "medium"),
    "ServiceFailure": Approach("bring the service back", "bash", "medium"),
    "Network": Approach("restore reachability", "bash", "high"),
    "Kubernetes": Approach("correct the object in the cluster", "kubernetes", "medium"),
    "Database": Approach("correct the schema, the data or a setting", "sql", "high"),
    "Security": Approach("close the exposure", "bash", "medium"),
    "ScheduledJob": Approach("correct the job's schedule or script", "bash", "medium"),
    "Logging": Approach("restore or bound the logs", "bash", "low"),
    "Vulnerability": Approach("install the fixed version or close the way in", "bash", "medium"),
    "Application": Approach("change what the application runs with", "bash", "high"),
    "Other": Approach("write a fix for this one case", "bash", "high"),
}


@dataclass(frozen=True, slots=True)
class Analysis:
    """What became of a finding; without ``actionable``, ``reason`` says why nothing is to be done."""

    actionable: bool
    reason: str
    finding: Finding
    script_type: ScriptType
    complexity: Complexity
    template: Template | None
    predefined: Template | None
    names_nothing: bool = False
    """The finding names no object: where no template is filled, nothing can be changed."""


class Templates:
    """The current revision of every template, ready to be chosen from."""

    def __init__(self, templates: Iterable[Template], cache: TemplateCache | None = None) -> None:
        self._cache = cache or TemplateCache()
        self._by_category: dict[str, dict[str, Template]] = {}
        for template in sorted(templates, key=lambda template: template.id):
            for category in template.categories:
                self._by_category.setdefault(category, {})[template.id] = template
        self._predefined = {
            category: [template for template in of.values() if category in template.predefined_for]
            for category, of in self._by_category.items()
        }
        self._keywords = {
            category: Keywords[str](
                (word, template.id) for template in of.values() for word in template.keywords
            )
            for category, of in self._by_category.items()
        }

    def choose(self, finding: Finding, targets: Sequence[Target]) -> Template | None:
        """The template whose keywords the finding names; one that can be filled before one that cannot.

        Between equals, a registered cluster gets the manifest: its runner has no ``kubectl`` for a script.
        """
        if finding.category not in self._keywords:
            return None
        kinds = (str(finding.facts.get(name, "")) for name in ("patch_type", "chaos_kind"))
        text = " ".join((finding.details, *finding.suggested_actions, *kinds))
        best: tuple[tuple[bool, tuple[int, int], bool, int], Template] | None = None
        for id, hits in sorted(self._keywords[finding.category].said(text).items()):
            template = self._by_category[finding.category][id]
            if not _suits(template, targets):
                continue
            fills, required = self._fills(template, finding, targets)
            applied = bool(targets) and template.script_type == "kubernetes"
            rank = (fills, hits, applied, required)
            if best is None or rank > best[0]:
                best = (rank, template)
        return best[1] if best else None

    def predefined_for(
        self, finding: Finding, targets: Sequence[Target], but: Template | None = None
    ) -> Template | None:
        """The category's predefined action other than ``but``, if it can be rendered for these targets."""
        for template in self._predefined.get(finding.category, ()):
            if template is not but and _suits(template, targets):
                fills, _ = self._fills(template, finding, targets)
                if fills:
                    return template
        return None

    def _fills(self, template: Template, finding: Finding, targets: Sequence[Target]) -> tuple[bool, int]:
        try:
            known = resolve_parameters(template, finding, targets)
            validate_parameters(self._cache.compiled(template).parameters, known)
        except GenerationError:
            return False, 0
        return True, len(known)


def analyze_rca(rca: RcaReceived, targets: Sequence[Target], templates: Templates) -> Analysis:
    """Judges a root-cause finding for the targets that it resolved to."""
    finding = Finding(
        kind="rca",
        reference=rca.anomaly_id,
        category=rca.root_cause_category,
        details=rca.root_cause_details,
        suggested_actions=rca.suggested_actions,
        affected_systems=rca.affected_systems,
        severity=rca.severity,
        confidence=rca.confidence_score,
        fingerprint=_fingerprint(rca.root_cause_category, rca.root_cause_details, _systems_of(rca), targets),
        facts=facts_of(rca),
    )
    finding = _suspected(finding)
    judged = _judge(finding, targets, templates)
    if not judged.actionable or targets or names_object(rca):
        return judged
    if judged.template is None:
        return _no_action(finding, "the finding names no object that could be changed")
    return replace(judged, names_nothing=True)


def analyze_report(
    vulnerability: VulnerabilityReported, targets: Sequence[Target], templates: Templates
) -> Analysis:
    """Judges a vulnerability; the target's facts say what the report leaves out."""
    judged = analyze_vulnerability(vulnerability, targets[0].facts if targets else None)
    said = "|".join(
        str(part) for part in (vulnerability.package, vulnerability.fixed_version, vulnerability.kind)
    )
    finding = Finding(
        kind="vulnerability",
        reference=vulnerability.vulnerability_id,
        category=VULNERABILITY_CATEGORY,
        details=vulnerability.description or judged.reason,
        affected_systems=vulnerability.affected_systems,
        severity=vulnerability.severity,
        confidence=min(_DETECTED_BY_SCANNER, judged.confidence),
        fingerprint=_fingerprint(
            vulnerability.vulnerability_id if vulnerability.package is None else VULNERABILITY_CATEGORY,
            said,
            vulnerability.affected_systems,
            targets,
        ),
        facts=judged.facts(vulnerability),
    )
    finding = _suspected(finding)
    if reason := _nothing_to_patch(vulnerability, judged):
        return _no_action(finding, reason)
    return _judge(finding, targets, templates)


def _suspected(finding: Finding) -> Finding:
    """The finding; LOW, and saying why, where its text gives instructions to whoever reads it."""
    why = suspicion((finding.details, *finding.suggested_actions, *finding.affected_systems))
    if why is None:
        return finding
    facts = {**finding.facts, SUSPECTED: why}
    return finding.model_copy(update={"facts": facts, "confidence": min(finding.confidence, LOW_CONFIDENCE)})


def _judge(finding: Finding, targets: Sequence[Target], templates: Templates) -> Analysis:
    if finding.severity == "info":
        return _no_action(finding, "the finding is informational: there is nothing to remedy")
    approach = APPROACHES.get(finding.category, APPROACHES["Other"])
    template = templates.choose(finding, targets)
    predefined = templates.predefined_for(finding, targets, but=template)
    return Analysis(
        actionable=True,
        reason=_reason(finding, template.title if template else approach.summary),
        finding=finding,
        script_type=template.script_type if template else _script_type(approach, targets),
        complexity=template.complexity if template else approach.complexity,
        template=template,
        predefined=predefined,
    )


def _reason(finding: Finding, reason: str) -> str:
    suspected = finding.facts.get(SUSPECTED)
    return f"{reason}; confidence is LOW, because the finding's text {suspected}" if suspected else reason


def _no_action(finding: Finding, reason: str) -> Analysis:
    return Analysis(False, reason, finding, "bash", "low", None, None)


def _nothing_to_patch(vulnerability: VulnerabilityReported, judged: VulnerabilityAnalysis) -> str | None:
    if judged.patch_type is PatchType.WORKAROUND and vulnerability.package is None:
        return (
            "the vulnerability names neither a package nor a setting: there is nothing that could be changed"
        )
    return None


def _script_type(approach: Approach, targets: Sequence[Target]) -> ScriptType:
    """The approach's own type where every target takes it, else the first that all of them take."""
    if all(approach.script_type in target.allowed_types for target in targets):
        return approach.script_type
    shared = set.intersection(*(set(target.allowed_types) for target in targets))
    return min(shared, default="bash")


def _suits(template: Template, targets: Sequence[Target]) -> bool:
    return all(
        target.kind in template.target_kinds and template.script_type in target.allowed_types
        for target in targets
    )


def _systems_of(rca: RcaReceived) -> tuple[str, ...]:
    named = (f"{item.namespace}/{item.kind}/{item.name}" for item in rca.affected_objects)
    return (*rca.affected_systems, *named)


def _fingerprint(category: str, text: str, systems: Sequence[str], targets: Sequence[Target]) -> str:
    """Equal for findings that say the same of the same systems: case, spacing and moments aside."""
    said = " ".join(_MOMENT.sub(" ", text.casefold()).split())
    of = sorted({target.id for target in targets} or set(systems))
    return sha256(json.dumps([category, said, of]).encode())
