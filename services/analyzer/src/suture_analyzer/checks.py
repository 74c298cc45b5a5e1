"""What a template must stand before it is kept: its syntax, its schema, and the safety of its examples."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from suture_chassis.errors import PermanentError
from suture_contracts.script import ScriptDocument
from suture_contracts.template import Template
from suture_generation.errors import GenerationError
from suture_generation.render import CompiledTemplate, check_template

_NOT_THE_CALLERS = ("id", "revision", "origin", "proven")


def changed(current: Template, changes: dict[str, Any]) -> Template:
    """The next revision with these fields changed; raises ``PermanentError`` naming the field."""
    for name in changes:
        if name not in Template.model_fields or name in _NOT_THE_CALLERS:
            open_fields = ", ".join(field for field in Template.model_fields if field not in _NOT_THE_CALLERS)
            raise PermanentError(
                f"{name[:100]} cannot be changed",
                field=f"changes.{name[:100]}",
                remedy=f"change {open_fields}",
            )
    fixed = {"revision": current.revision + 1, "origin": "edited", "proven": False}
    try:
        return Template.model_validate({**current.model_dump(mode="json"), **changes, **fixed})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in ("changes", *first["loc"]))
        raise PermanentError(first["msg"], field=field, remedy="correct that field") from error


def checked(template: Template) -> None:
    """Raises ``PermanentError`` naming the part of the template that is at fault."""
    try:
        documents = check_template(template)
    except GenerationError as error:
        field = f"template.{error.field}" if error.field else "template"
        raise PermanentError(error.reason, field=field, remedy=error.remedy or "correct that part") from error
    for number, document in enumerate(documents or (_without_example(template),)):
        _must_be_safe(document, number)


def _without_example(template: Template) -> ScriptDocument:
    """What a template without parameters says; one that has some cannot be judged without an example."""
    if template.parameters.get("properties"):
        raise PermanentError(
            "it takes parameters and has no example: without one it cannot be checked",
            field="template.examples",
            remedy="add an example: one set of parameters that the template can be rendered with",
        )
    return CompiledTemplate(template).render({})


def _must_be_safe(document: ScriptDocument, number: int) -> None:
    # Here, not above: the analysis is needed when a template is written, which is rare, and costs memory.
    from suture_safety import analyse_document

    report = analyse_document(document)
    if not report.is_valid:
        worst = next(finding for finding in report.findings if finding.severity == "error")
        raise PermanentError(
            f"its example {number}, rendered, breaks {worst.rule_id} at line {worst.line}, "
            f"column {worst.column} of {worst.part}: {worst.message}",
            field=f"template.{worst.part}",
            remedy=worst.remedy,
        )
