"""Analyses one text of one type: the entry that everything else goes through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from suture_contracts.report import Needs, Part, Quality, Report, Reversibility, SafetyFinding

from suture_safety.bash.values import UNKNOWN
from suture_safety.bounds import BoundExceeded, Budget
from suture_safety.collector import Collector, Effects, finding
from suture_safety.policy import Policy, apply_policy, used_policy
from suture_safety.quality import bash_quality, declared_quality
from suture_safety.score import safety_score
from suture_safety.text_checks import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suture_safety.shellcheck import ShellCheck
    from suture_safety.text_types import TextType

_MAX_REMEMBERED = 512
_MAX_REMEMBERED_CHARACTERS = 8_000
_remembered: dict[tuple[str, TextType, Part, tuple[str, ...]], Analysis] = {}
_ORDER = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one text was found to be."""

    findings: list[SafetyFinding]
    effects: Effects
    quality: Quality
    readable: bool


def analyse(
    text: str,
    script_type: TextType,
    *,
    part: Part = "body",
    policy: Policy | None = None,
    target: str | None = None,
    second_reader: ShellCheck | None = None,
) -> Report:
    """The report on one text. Never raises: what exceeds the bounds is invalid, and says why.

    ``policy``: the organisation's, by default the one of ``use_policy``; ``target``: the target's kind, for
    what the policy says of it alone; ``second_reader``: asked about bash, besides.
    """
    one = analyse_part(text, script_type, part)
    findings = one.findings
    if second_reader is not None and script_type == "bash":
        findings = [*findings, *second_reader.findings(text, part)]
    chosen = policy or used_policy()
    if chosen is not None:
        findings = apply_policy(chosen.of_target(target), text, findings, one.effects)
    return report(findings, one.quality, needs_of(one.effects), "none", one.readable)


def analyse_part(
    text: str,
    script_type: TextType,
    part: Part,
    declared: tuple[str, ...] = (),
    budget: Budget | None = None,
) -> Analysis:
    """Findings, effects and quality of one text; ``declared`` are the writes that its script declares.

    The same incident on the same target brings the same script: what was analysed lately is remembered. The
    result is shared: nobody changes it.
    """
    key = (text, script_type, part, declared)
    known = _remembered.get(key)
    if known is not None:
        return known
    found = _analyse_part(text, script_type, part, declared, budget or Budget())
    if found.readable and len(text) <= _MAX_REMEMBERED_CHARACTERS:
        if len(_remembered) >= _MAX_REMEMBERED:
            _remembered.pop(next(iter(_remembered)), None)
        _remembered[key] = found
    return found


def _analyse_part(
    text: str, script_type: TextType, part: Part, declared: tuple[str, ...], budget: Budget
) -> Analysis:
    collector = Collector(part=part, declared=declared)
    quality = Quality()
    readable = True
    try:
        text = clean(text, collector)
        if text.strip():
            quality = _analyse_language(text, script_type, collector, budget)
        else:
            collector.add("text.empty", "error", "is empty", "Say what is to be done.")
    except BoundExceeded as error:
        readable = False
        remedy = "Make it smaller and simpler; what cannot be analysed is not run."
        collector.findings.append(finding(error.rule, "error", error.reason, remedy, part=part))
    except (RecursionError, MemoryError):
        readable = False
        remedy = "Make it simpler; what cannot be analysed is not run."
        collector.findings.append(finding("bounds.depth", "error", "is nested too deep", remedy, part=part))
    if not readable:
        collector.effects.complete = False
    return Analysis(collector.findings, collector.effects, quality, readable)


def _analyse_language(text: str, script_type: TextType, collector: Collector, budget: Budget) -> Quality:
    if script_type == "bash":
        from suture_safety.bash.analyse import analyse_bash

        return bash_quality(text, analyse_bash(text, collector, budget), collector)
    if script_type == "python":
        from suture_safety.python_code import analyse_python

        return analyse_python(text, collector, budget)
    if script_type == "sql":
        from suture_safety.sql import analyse_sql

        analyse_sql(text, collector, budget)
    elif script_type == "kubernetes":
        from suture_safety.kubernetes import analyse_expectation, analyse_kubernetes

        analyse = analyse_expectation if collector.part == "verify" else analyse_kubernetes
        analyse(text, collector, budget)
    elif script_type == "ansible":
        from suture_safety.ansible import analyse_ansible

        analyse_ansible(text, collector, budget)
    elif script_type == "powershell":
        from suture_safety.powershell import analyse_powershell

        analyse_powershell(text, collector, budget)
    else:
        from suture_safety.config import analyse_config

        analyse_config(text, collector, budget)
    return declared_quality(text)


def needs_of(effects: Effects) -> Needs:
    """The effects as the report has them; a place that is not known reads ``*``."""
    return Needs(
        writes=tuple(sorted({UNKNOWN.sub("*", path) for path in effects.writes})),
        executes=tuple(sorted({UNKNOWN.sub("*", name) for name in effects.executes})),
        egress=tuple(sorted({UNKNOWN.sub("*", address) for address in effects.egress})),
        rights=tuple(sorted(UNKNOWN.sub("*", state) for state in effects.states)),
        complete=effects.complete,
    )


def report(
    findings: Sequence[SafetyFinding],
    quality: Quality,
    needs: Needs,
    reversibility: Reversibility,
    readable: bool,
) -> Report:
    """Findings in the order of severity and place, and what follows from them."""
    ordered = tuple(sorted(findings, key=lambda one: (_ORDER[one.severity], one.part, one.line, one.column)))
    errors = tuple(_line(one) for one in ordered if one.severity == "error")
    return Report(
        is_valid=not errors,
        safety_score=safety_score(ordered) if readable else 0.0,
        errors=errors,
        warnings=tuple(_line(one) for one in ordered if one.severity == "warning"),
        findings=ordered[:500],
        quality=quality,
        needs=needs,
        reversibility=reversibility,
    )


def _line(one: SafetyFinding) -> str:
    where = "" if one.part == "body" else f"{one.part}, "
    return f"{where}line {one.line}, column {one.column}: {one.message} [{one.rule_id}]"
