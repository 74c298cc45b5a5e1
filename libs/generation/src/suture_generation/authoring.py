"""A script written by a model: asked for with fenced data, its answer bounded like any input."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

import jinja2
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from suture_contracts.base import ScriptText, ScriptType, Text
from suture_contracts.events import Finding, Origin
from suture_contracts.report import Reversibility, SafetyFinding
from suture_contracts.script import Address, Path, ScriptDocument
from suture_contracts.target import Target
from suture_contracts.template import Template

from suture_generation.aim import misses
from suture_generation.providers.protocol import (
    AnswerSchema,
    ChatMessage,
    Completion,
    ModelAnswerInvalid,
    Provider,
    text_of,
)
from suture_generation.redaction import redact_values

MAX_ASKS = 2
MAX_DATA_CHARACTERS = 40_000


class WrittenScript(BaseModel):
    """What a model answers; anything else is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    script_type: ScriptType
    body: ScriptText = Field(min_length=1)
    rollback: ScriptText
    verify: ScriptText
    writes: tuple[Path, ...] = Field(max_length=100)
    egress: tuple[Address, ...] = Field(max_length=20)
    reversibility: Reversibility
    explanation: Text


@dataclass(frozen=True, slots=True)
class Refusal:
    """A script that was refused, and what for."""

    document: ScriptDocument
    findings: tuple[SafetyFinding, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """What to write: for which finding and targets, after which template, in answer to which refusal."""

    finding: Finding
    targets: tuple[Target, ...]
    script_type: ScriptType
    template: Template | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Authored:
    document: ScriptDocument
    reversibility: Reversibility
    explanation: str
    completion: Completion
    prompt: str
    """The whole conversation that led to the answer."""
    origin: Origin


async def write_script(provider: Provider, task: Task, *, max_retries: int = 3) -> Authored:
    """Asks the model, once more where its answer is no script; raises a ``ModelError``."""
    messages = messages_for(task)
    spent: list[Completion] = []
    while True:
        completion = await provider.generate_with_retry(messages, ANSWER, max_retries)
        spent.append(completion)
        try:
            return _authored(completion.data or {}, task, total(spent), text_of(messages))
        except ModelAnswerInvalid as error:
            if len(spent) >= MAX_ASKS:
                paid = total(spent)
                error.input_tokens, error.output_tokens = paid.input_tokens, paid.output_tokens
                raise
            messages = [*messages, *correction(completion, str(error))]


def messages_for(task: Task) -> list[ChatMessage]:
    """The conversation that asks for the script; everything from outside is redacted and fenced."""
    values: dict[str, str] = {"script_type": task.script_type}
    if task.refusal is not None:
        values["script"] = fenced(
            task.refusal.document.model_dump(mode="json", exclude={"parameters", "limits"})
        )
        values["refusal"] = fenced([asdict(finding) for finding in task.refusal.findings[:50]])
    elif task.template is not None:
        values["template"] = fenced(_outline_of(task.template))
    return asked_for("write.j2" if task.refusal is None else "repair.j2", task, values)


def asked_for(prompt: str, task: Task, values: Mapping[str, str]) -> list[ChatMessage]:
    """The conversation that a prompt's template begins, with the task's own data."""
    data = {"data": fenced(_data_of(task)), **values}
    return [
        {"role": "system", "content": _prompt("system.j2", {})},
        {"role": "user", "content": _prompt(prompt, data)},
    ]


def _data_of(task: Task) -> dict[str, Any]:
    finding = task.finding.model_dump(mode="json", exclude={"fingerprint", "confidence"})
    targets = [
        target.model_dump(mode="json", include={"id", "kind", "allowed_types", "facts"})
        for target in task.targets
    ]
    return {"finding": finding, "targets": targets}


def _outline_of(template: Template) -> dict[str, Any]:
    fields = {"title", "description", "parameters", "body", "rollback", "verify", "writes", "egress"}
    return template.model_dump(mode="json", include=fields)


def _authored(data: dict[str, Any], task: Task, completion: Completion, prompt: str) -> Authored:
    try:
        written = WrittenScript.model_validate(data)
        document = ScriptDocument(
            **written.model_dump(exclude={"reversibility", "explanation"}),
            targets=tuple(target.id for target in task.targets),
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "answer"
        raise ModelAnswerInvalid(f"{place}: {first['msg']}"[:300]) from None
    if missed := misses(document, task.targets):
        raise ModelAnswerInvalid(missed)
    origin: Origin = "novel" if task.template is None else "adapted"
    return Authored(document, written.reversibility, written.explanation, completion, prompt, origin)


def correction(completion: Completion, error: str) -> list[ChatMessage]:
    """What goes on with a conversation whose last answer did not fit."""
    return [
        {"role": "assistant", "content": completion.content[:MAX_DATA_CHARACTERS]},
        {"role": "user", "content": f"That answer does not fit: {error}. Answer again, whole."},
    ]


def total(spent: Sequence[Completion]) -> Completion:
    """The last answer, with what all of them took."""
    return replace(
        spent[-1],
        input_tokens=sum(part.input_tokens for part in spent),
        output_tokens=sum(part.output_tokens for part in spent),
        latency_ms=sum(part.latency_ms for part in spent),
        calls=sum(part.calls for part in spent),
    )


def fenced(data: Any) -> str:
    """JSON in which nothing can close the fence around it."""
    text = json.dumps(redact_values(data), ensure_ascii=False, indent=1)
    return text[:MAX_DATA_CHARACTERS].replace("<", "\\u003c").replace(">", "\\u003e")


def _prompt(name: str, values: dict[str, str]) -> str:
    return _prompts().get_template(name).render(values)


@lru_cache(maxsize=1)
def _prompts() -> jinja2.Environment:
    # Prompts are texts for a model, not markup: what goes in is fenced JSON.
    return jinja2.Environment(  # noqa: S701
        loader=jinja2.PackageLoader("suture_generation", "prompts"),
        undefined=jinja2.ChainableUndefined,
        trim_blocks=True,
    )


def strict(properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of a closed object that has every property."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
ANSWER = AnswerSchema(
    "remediation_script",
    strict(
        {
            "script_type": {"type": "string", "enum": ["bash", "python", "kubernetes", "sql", "config"]},
            "body": _TEXT,
            "rollback": _TEXT,
            "verify": _TEXT,
            "writes": _TEXTS,
            "egress": _TEXTS,
            "reversibility": {"type": "string", "enum": ["exact", "compensating", "none"]},
            "explanation": _TEXT,
        }
    ),
)
