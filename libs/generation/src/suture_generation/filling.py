"""A template whose parameters are not all known: a model says the missing ones, and nothing else.

What it says is a value, never a text of the script: it has to fit the parameter's own schema, is quoted like
any other, and gives way to what the targets' facts say. What only the finding may say (a package's version)
is never asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from suture_contracts.script import ScriptDocument
from suture_contracts.template import Template

from suture_generation.aim import misses
from suture_generation.authoring import (
    MAX_ASKS,
    Authored,
    Task,
    asked_for,
    correction,
    fenced,
    strict,
    total,
    write_script,
)
from suture_generation.errors import GenerationError
from suture_generation.parameters import resolve_parameters
from suture_generation.providers.protocol import AnswerSchema, Completion, ModelError, Provider, text_of
from suture_generation.render import CompiledTemplate, TemplateCache

_PLAIN_TYPES = frozenset({"string", "integer", "number", "boolean"})
NOTE = "# A model filled in: "


async def fill_or_write(
    provider: Provider, task: Task, cache: TemplateCache, *, max_retries: int = 3
) -> Authored:
    """The task's template with its missing parameters filled in, else a script of the model's own.

    Raises a ``ModelError``. What a repair is for, is written.
    """
    if task.template is None or task.refusal is not None:
        return await write_script(provider, task, max_retries=max_retries)
    filled, spent = await _filled(provider, task, cache.compiled(task.template), max_retries)
    if filled is not None:
        return filled
    try:
        written = await write_script(provider, task, max_retries=max_retries)
    except ModelError as error:
        error.input_tokens += sum(each.input_tokens for each in spent)
        error.output_tokens += sum(each.output_tokens for each in spent)
        raise
    return replace(written, completion=total([*spent, written.completion]))


async def _filled(
    provider: Provider, task: Task, compiled: CompiledTemplate, max_retries: int
) -> tuple[Authored | None, list[Completion]]:
    """``None`` where the model does not know a value, or knows none that fits; and every answer."""
    template, spent = compiled.template, list[Completion]()
    try:
        known = resolve_parameters(template, task.finding, task.targets)
        wanted = missing_of(template, known)
    except GenerationError:
        return None, spent
    if not wanted:
        return None, spent
    outline = template.model_dump(mode="json", include={"title", "description", "body", "verify", "writes"})
    values = {"template": fenced(outline), "known": fenced(known)}
    messages, schema = asked_for("fill.j2", task, values), answer_for(wanted)
    for _ in range(MAX_ASKS):
        completion = await provider.generate_with_retry(messages, schema, max_retries)
        spent.append(completion)
        told = values_of(completion.data or {}, wanted)
        if None in told.values():
            break
        try:
            document = _document(compiled, {**told, **known}, task)
        except GenerationError as error:
            messages = [*messages, *correction(completion, _told(error))]
            continue
        authored = Authored(
            noted(document, told), template.reversibility, "", total(spent), text_of(messages), "filled"
        )
        return authored, spent
    return None, spent


def missing_of(template: Template, known: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The schemas of the required parameters that are not known; raises where a model may not say one."""
    properties: Mapping[str, Mapping[str, Any]] = template.parameters.get("properties", {})
    missing = [name for name in template.parameters.get("required", ()) if name not in known]
    for name in missing:
        part = properties.get(name, {})
        if "x-fact" not in part and "x-finding" in part:
            raise GenerationError(f"{name} is the finding's to say")
        if part.get("type") not in _PLAIN_TYPES and "enum" not in part:
            raise GenerationError(f"{name} is no plain value")
    return {name: properties[name] for name in missing}


def answer_for(wanted: Mapping[str, Mapping[str, Any]]) -> AnswerSchema:
    """A value, or null, for each parameter; patterns are told in words, as not every provider takes them."""
    return AnswerSchema(
        "template_parameters",
        strict({"parameters": strict({name: _nullable(part) for name, part in wanted.items()})}),
    )


def _nullable(part: Mapping[str, Any]) -> dict[str, Any]:
    told = [str(part[word]) for word in ("title", "description") if word in part]
    told += [f"{word} {part[word]}" for word in ("pattern", "minimum", "maximum") if word in part]
    schema: dict[str, Any] = {"type": [part.get("type", "string"), "null"], "description": "; ".join(told)}
    if "enum" in part:
        schema["enum"] = [*part["enum"], None]
    return schema


def values_of(data: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for alone, ``None`` where the answer has nothing."""
    given = data.get("parameters")
    return {name: given.get(name) if isinstance(given, dict) else None for name in wanted}


def _told(error: GenerationError) -> str:
    """Without the remedy, which is one for people."""
    return f"{error.field}: {error.reason}" if error.field else error.reason


def _document(compiled: CompiledTemplate, values: Mapping[str, Any], task: Task) -> ScriptDocument:
    document = compiled.render(values, [target.id for target in task.targets])
    if missed := misses(document, task.targets):
        raise GenerationError(missed)
    return document


def noted(document: ScriptDocument, told: Mapping[str, Any]) -> ScriptDocument:
    """With a line that tells whoever approves it which values are a model's."""
    first, newline, rest = document.body.partition("\n")
    if document.script_type not in ("bash", "python") or not newline:
        return document
    return document.model_copy(update={"body": f"{first}\n{NOTE}{', '.join(sorted(told))}\n{rest}"})
