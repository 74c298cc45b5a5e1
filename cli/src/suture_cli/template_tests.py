"""What ``suture templates test`` tells of a template: rendered, validated, run where its type allows."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from suture_cli.failures import CommandFailed

if TYPE_CHECKING:
    from suture_contracts.script import ScriptDocument
    from suture_contracts.template import Fixture, Template


def tested(template: Template) -> dict[str, Any]:
    """``{"template", "revision", "passes", "examples", "runs", "not_run"}``; raises ``CommandFailed``.

    ``not_run`` says why nothing was run; where a run was not possible on this machine, ``runs`` says so.
    """
    examples = [_judged(number, document) for number, document in enumerate(_rendered(template))]
    if not examples:
        raise CommandFailed(f"{template.id} has no example", field="examples", remedy="add one")
    runs = [asyncio.run(_run(template, fixture)) for fixture in template.fixtures]
    fine = [each["is_valid"] for each in examples] + [each["passes"] for each in runs if each["ran"]]
    return {
        "template": template.id,
        "revision": template.revision,
        "passes": all(fine),
        "examples": examples,
        "runs": runs,
        "not_run": "" if runs else _why_not(template),
    }


def lines_of(result: dict[str, Any]) -> list[str]:
    """The result for a reader."""
    lines = [f"{result['template']}: {'passes' if result['passes'] else 'fails'}"]
    for each in result["examples"]:
        verdict = "validated" if each["is_valid"] else "refused"
        lines.append(
            f"  example {each['example']}: rendered, {verdict}, safety score {each['safety_score']:.2f}"
        )
        lines += [f"    {error}" for error in each["errors"]]
    for run in result["runs"]:
        told = ["ran", *run["steps"]] if run["ran"] else [f"not run: {run['problem']}"]
        told += [f"FAILS: {run['problem']}"] if run["ran"] and run["problem"] else []
        lines.append(f"  fixture {run['fixture']}: {', '.join(told)}")
    return [*lines, *([f"  not run: {result['not_run']}"] if result["not_run"] else [])]


def _rendered(template: Template) -> tuple[ScriptDocument, ...]:
    from suture_generation.errors import GenerationError
    from suture_generation.render import check_template

    try:
        return check_template(template)
    except GenerationError as error:
        raise CommandFailed(
            f"{template.id}: {error.reason}", field=error.field, remedy=error.remedy
        ) from None


def _judged(number: int, document: ScriptDocument) -> dict[str, Any]:
    from suture_safety import analyse_document

    report = analyse_document(document)
    return {
        "example": number,
        "is_valid": report.is_valid,
        "safety_score": report.safety_score,
        "errors": list(report.errors),
        "warnings": list(report.warnings),
        "quality": asdict(report.quality),
    }


async def _run(template: Template, fixture: Fixture) -> dict[str, Any]:
    from suture_generation.errors import GenerationError
    from suture_generation.render import CompiledTemplate
    from suture_safety import analyse_document
    from suture_sandbox.protocol import SandboxUnavailable
    from suture_sandbox.trial import try_out

    number = template.fixtures.index(fixture)
    given = fixture.parameters if fixture.parameters is not None else dict(template.examples[0])
    result: dict[str, Any] = {"fixture": fixture.title or number, "ran": False, "passes": False, "steps": []}
    try:
        document = CompiledTemplate(template).render(given)
        # What the analysis refuses is not run, not even below a scratch folder.
        if errors := analyse_document(document).errors:
            return {**result, "ran": True, "problem": f"refused before it was run: {errors[0]}"}
        trial = await try_out(document, fixture, template.reversibility)
    except GenerationError as error:
        raise CommandFailed(
            f"{template.id}: {error.reason}",
            field=f"fixtures.{number}.parameters",
            remedy=error.remedy or "correct the fixture's parameters",
        ) from None
    except SandboxUnavailable as error:
        return {**result, "problem": str(error)}
    return {
        **result,
        "ran": trial.ran,
        "passes": trial.passed,
        "steps": list(trial.steps),
        "problem": trial.problem,
    }


def _why_not(template: Template) -> str:
    if template.needs:
        return f"needs {', '.join(template.needs)}"
    return "it has no fixture: give it files to lay out, and what to expect (docs/generation.md)"
