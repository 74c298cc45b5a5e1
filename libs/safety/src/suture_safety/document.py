"""Analyses a whole script document: its three parts, and what it declares against what it does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_contracts.report import Report

from suture_safety.access import foreign_states
from suture_safety.analysis import Analysis, analyse_part, needs_of, report
from suture_safety.bash.values import UNKNOWN
from suture_safety.bounds import MAX_FINDINGS, Budget
from suture_safety.collector import Effects, finding
from suture_safety.paths import covered
from suture_safety.policy import for_targets, limits_over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from suture_contracts.base import ScriptType
    from suture_contracts.report import Part, Reversibility, SafetyFinding
    from suture_contracts.script import ScriptDocument

    from suture_safety.policy import Policy
    from suture_safety.shellcheck import ShellCheck

_SCRATCH = re.compile(r"/(?:var/)?tmp(?:/.*)?|/dev/shm/.*")
_COMPANION = re.compile(r"[.~_-][\w.~:+\ue002-]{0,120}")
_CHANGED = {"packages", "services", "accounts", "kernel", "power", "disks", "schedule", "processes"}
_SHELL_TYPES = ("bash", "python")


def analyse_document(
    document: ScriptDocument,
    *,
    policy: Policy | None = None,
    target_kinds: Sequence[str] = (),
    second_reader: ShellCheck | None = None,
) -> Report:
    """Body, rollback and verification, each finding with its part; what they do against what is declared.

    ``reversibility``: ``exact`` when all it changes are declared files, a cluster's objects that start
    nothing which comes to an end of its own, or a database's rows and indexes that the runner keeps and puts
    back; ``compensating`` when it changes other state and there is a rollback, or deletes rows; ``none``
    otherwise. ``policy`` is the organisation's, for all kinds of target that the script is for;
    ``second_reader`` is asked about each part that is bash. Never raises.
    """
    budget = Budget()
    parts = _parts(document)
    analyses = {
        part: analyse_part(text, kind, part, () if part == "verify" else document.writes, budget)
        for part, (text, kind) in parts.items()
    }
    body = analyses["body"]
    findings: list[SafetyFinding] = []
    for part, one in analyses.items():
        text, kind = parts[part]
        of_part = [each for each in one.findings if part == "body" or not each.rule_id.startswith("quality.")]
        of_part += _undeclared(document, part, one.effects)
        of_part += foreign_states(one.effects, target_kinds, part)
        if second_reader is not None and kind == "bash":
            of_part += second_reader.findings(text, part)
        if policy is not None:
            of_part = for_targets(policy, target_kinds, text, of_part, one.effects, part)
        findings += of_part
    if policy is not None:
        findings += limits_over(policy, target_kinds, document.limits.model_dump())
    if "verify" not in parts:
        findings.append(_no_verification())
    return report(
        findings[:MAX_FINDINGS],
        body.quality,
        needs_of(_merged(analyses)),
        _reversibility(document, analyses),
        all(one.readable for one in analyses.values()),
    )


def _no_verification() -> SafetyFinding:
    return finding(
        "document.no-verification",
        "info",
        "has nothing that shows whether it worked",
        "Add a verification that fails before the fix and passes after it.",
        part="document",
    )


def _parts(document: ScriptDocument) -> dict[Part, tuple[str, ScriptType]]:
    """The texts that are there, each with what it is."""
    kind = document.script_type
    parts: dict[Part, tuple[str, ScriptType]] = {"body": (document.body, kind)}
    if document.rollback.strip():
        parts["rollback"] = (
            document.rollback,
            _kind_of_aid(document.rollback, kind) if kind == "config" else kind,
        )
    if document.verify.strip():
        parts["verify"] = (document.verify, _kind_of_aid(document.verify, kind))
    return parts


def _kind_of_aid(text: str, kind: ScriptType) -> ScriptType:
    """Verification and rollback of manifests, queries and patches may be shell scripts."""
    if kind in _SHELL_TYPES:
        return kind
    return "bash" if text.startswith("#!") or kind == "config" else kind


def _undeclared(document: ScriptDocument, part: Part, effects: Effects) -> list[SafetyFinding]:
    found: list[SafetyFinding] = []
    for path, (line, column) in effects.writes.items():
        if part == "verify" and not _SCRATCH.fullmatch(path):
            message = f"the verification writes {_shown(path)}; it runs with nothing writable"
            found.append(
                finding("document.verify-writes", "error", message, "Only read in it.", line, column, part)
            )
        elif not _is_declared(path, document.writes):
            message = f"writes {_shown(path)}, which is not among the declared writes"
            remedy = "Declare the path, or write below /tmp."
            unknown = bool(UNKNOWN.match(path) or UNKNOWN.match(path[1:]))
            severity = "warning" if unknown else "error"
            found.append(
                finding("document.undeclared-write", severity, message, remedy, line, column, part)  # type: ignore[arg-type]
            )
    if part == "verify":
        found += [_changes(state, *where) for state, where in effects.states.items() if state in _CHANGED]
    declared = {address.lower() for address in document.egress}
    for address, (line, column) in effects.egress.items():
        if address.lower() not in declared:
            message = f"connects to {_shown(address)}, which is not among the declared addresses"
            remedy = "Declare host:port in egress."
            unknown = bool(UNKNOWN.search(address)) or address.endswith(":0")
            severity = "warning" if unknown else "error"
            found.append(
                finding("document.undeclared-egress", severity, message, remedy, line, column, part)  # type: ignore[arg-type]
            )
    return found


def _changes(state: str, line: int, column: int) -> SafetyFinding:
    message = f"the verification changes {state}; it must only look"
    return finding("document.verify-changes", "error", message, "Only read in it.", line, column, "verify")


def _is_declared(path: str, declared: tuple[str, ...]) -> bool:
    if covered(path, declared) or _SCRATCH.fullmatch(path):
        return True
    # A declared file's backup or temporary file beside it: /etc/app.conf → /etc/app.conf.bak-20260101
    return any(path.startswith(one) and _COMPANION.fullmatch(path[len(one) :]) for one in declared)


def _shown(text: str) -> str:
    return UNKNOWN.sub("…", text)[:120]


def _merged(analyses: dict[Part, Analysis]) -> Effects:
    merged = Effects()
    for one in analyses.values():
        merged.writes.update(one.effects.writes)
        merged.executes.update(one.effects.executes)
        merged.egress.update(one.effects.egress)
        merged.states.update(one.effects.states)
        merged.images.update(one.effects.images)
        merged.users.update(one.effects.users)
        merged.service_accounts.update(one.effects.service_accounts)
        merged.complete = merged.complete and one.effects.complete
    return merged


def _reversibility(document: ScriptDocument, analyses: dict[Part, Analysis]) -> Reversibility:
    body = analyses["body"]
    rolls_back = bool(document.rollback.strip())
    if document.script_type == "kubernetes" and body.readable and set(body.effects.states) <= {"cluster"}:
        return "exact"  # the runner keeps every object and puts it back
    if document.script_type == "sql" and body.readable:
        from suture_safety.sql_undo import undone_by_runner

        kept = undone_by_runner(document.body)
        return "compensating" if kept == "none" and rolls_back else kept
    if document.script_type in ("kubernetes", "sql"):
        return "compensating" if rolls_back and body.readable else "none"
    files = all(_is_declared(path, document.writes) for path in body.effects.writes)
    if body.readable and body.effects.complete and not body.effects.states and files:
        return "exact"
    return "compensating" if rolls_back and body.readable else "none"
