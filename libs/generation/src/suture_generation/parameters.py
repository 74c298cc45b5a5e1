"""What fills a template's parameters: facts of the registered targets and fields of the finding alone.

Text of a finding comes from outside and never becomes a path or an address; only the fields that a template
names with ``x-finding`` are taken from it, and its schema bounds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from suture_contracts.events import Finding
from suture_contracts.target import Target
from suture_contracts.template import Template

from suture_generation.errors import ParametersInvalid


def resolve_parameters(template: Template, finding: Finding, targets: Sequence[Target]) -> dict[str, Any]:
    """The parameters that are known; raises ``ParametersInvalid`` where targets contradict each other."""
    known: dict[str, Any] = {}
    properties: Mapping[str, Any] = template.parameters.get("properties", {})
    for name, part in properties.items():
        value = _from_finding(part, finding)
        if value is None:
            value = _from_facts(name, part, targets)
        if value is not None:
            known[name] = value
    return known


def with_example_facts(template: Template, known: Mapping[str, Any]) -> dict[str, Any]:
    """For a draft before any target is registered: facts that are missing, as in the template's example.

    Only facts: what a finding has to say (a package's fixed version) is never made up.
    """
    example = template.examples[0] if template.examples else {}
    properties: Mapping[str, Any] = template.parameters.get("properties", {})
    facts = {name: example[name] for name, part in properties.items() if "x-fact" in part and name in example}
    return {**facts, **known}


def _from_finding(part: Mapping[str, Any], finding: Finding) -> Any:
    field = part.get("x-finding")
    if not isinstance(field, str):
        return None
    if field in finding.facts:
        return finding.facts[field]
    return getattr(finding, field, None) if field in ("reference", "category", "severity") else None


def _from_facts(name: str, part: Mapping[str, Any], targets: Sequence[Target]) -> Any:
    facts = part.get("x-fact")
    for fact in facts if isinstance(facts, list) else [facts]:
        values = [target.facts[fact] for target in targets if fact in target.facts]
        if not values:
            continue
        # One script is for all of its targets: what differs between them cannot be written into it.
        if len(values) != len(targets) or any(value != values[0] for value in values):
            raise ParametersInvalid(
                f"the targets differ in their fact {fact}", field=name, remedy="submit one finding per target"
            )
        return values[0]
    return None
