"""Parameters of a template: a JSON Schema, kept to keywords that cannot reach out or run away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from suture_contracts.template import Template

from suture_generation.errors import ParametersInvalid, TemplateInvalid

MAX_PARAMETER_CHARACTERS = 20_000
MAX_PARAMETERS_CHARACTERS = 100_000
_KEYWORDS = frozenset(
    (
        *("type", "title", "description", "default", "examples", "enum", "const", "x-fact", "x-finding"),
        *("properties", "required", "additionalProperties", "items", "minItems", "maxItems", "uniqueItems"),
        *("pattern", "minLength", "maxLength", "minimum", "maximum"),
    )
)
_REMEMBERED = 1_024
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)

_Key = tuple[tuple[str, type, Any], ...]


@dataclass(frozen=True, slots=True)
class ParameterSchema:
    """A closed object's properties, what checks values against them, and values that were found right."""

    properties: Mapping[str, Any]
    validator: Draft202012Validator
    right: set[_Key] = field(default_factory=set)


def compile_schema(template: Template) -> ParameterSchema:
    """The schema of a template's parameters; raises ``TemplateInvalid`` with the place in it."""
    schema = template.parameters or {"type": "object", "properties": {}}
    _check_keywords(schema, "parameters")
    if schema.get("type", "object") != "object" or schema.get("additionalProperties", False) is not False:
        raise TemplateInvalid(
            "parameters are not a closed object",
            field="parameters",
            remedy="give type: object and additionalProperties: false",
        )
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = ".".join(str(part) for part in ("parameters", *error.absolute_path))
        raise TemplateInvalid(error.message[:300], field=place, remedy="write JSON Schema 2020-12") from error
    closed = {**schema, "type": "object", "additionalProperties": False}
    return ParameterSchema(schema.get("properties", {}), Draft202012Validator(closed))


def validate_parameters(schema: ParameterSchema, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with their defaults; raises ``ParametersInvalid`` naming the first parameter at fault."""
    properties = schema.properties
    unknown = sorted(set(values) - set(properties))
    if unknown:
        known = ", ".join(sorted(properties)) or "none"
        raise ParametersInvalid(
            "is not a parameter of the template", field=unknown[0][:100], remedy=f"its parameters: {known}"
        )
    _check_sizes(values)
    full = {name: part["default"] for name, part in properties.items() if "default" in part} | dict(values)
    key = _key_of(full)
    if key is not None and key in schema.right:
        return full
    error: ValidationError | None = next(iter(schema.validator.iter_errors(full)), None)
    if error is not None:
        raise _named(error, properties, full)
    if key is not None:
        if len(schema.right) >= _REMEMBERED:
            schema.right.clear()
        schema.right.add(key)
    return full


def _key_of(values: Mapping[str, Any]) -> _Key | None:
    """What to remember small, plain values by: a target's facts come again and again."""
    size = 0
    for value in values.values():
        if not isinstance(value, (str, int, float)):
            return None
        size += len(value) if isinstance(value, str) else 8
    # 1, 1.0 and True are equal, but not to a schema.
    return tuple((name, type(value), value) for name, value in values.items()) if size <= 2_000 else None


def _named(
    error: ValidationError, properties: Mapping[str, Any], values: Mapping[str, Any]
) -> ParametersInvalid:
    if error.validator == "required":
        wanted = error.validator_value if isinstance(error.validator_value, list) else []
        missing = [name for name in wanted if name not in values]
        sources = ", ".join(f"{name} ({_source(properties.get(name, {}))})" for name in missing)
        return ParametersInvalid("is not known", field=missing[0], remedy=f"give {sources}")
    name = str(error.absolute_path[0]) if error.absolute_path else "parameters"
    rule = f"{error.validator}: {error.validator_value!r}"[:200]
    source = _source(properties.get(name, {}))
    return ParametersInvalid(f"breaks {rule}", field=name, remedy=f"correct {source}")


def _source(part: Mapping[str, Any]) -> str:
    if "x-fact" in part:
        names = part["x-fact"] if isinstance(part["x-fact"], list) else [part["x-fact"]]
        return "the target's fact " + " or ".join(str(name) for name in names)
    if "x-finding" in part:
        return f"the finding's {part['x-finding']}"
    return "the parameter"


def _check_sizes(values: Mapping[str, Any]) -> None:
    total = 0
    for name, value in values.items():
        size = len(value) if isinstance(value, str) else len(repr(value))
        total += size
        if size > MAX_PARAMETER_CHARACTERS or total > MAX_PARAMETERS_CHARACTERS:
            raise ParametersInvalid(
                f"is {size:,} characters long",
                field=name,
                remedy=f"keep it under {MAX_PARAMETER_CHARACTERS:,}",
            )


def _check_keywords(schema: Any, place: str) -> None:
    """Refuses references (they are fetched) and patterns that take exponential time."""
    if not isinstance(schema, dict):
        raise TemplateInvalid("is not an object", field=place, remedy="write JSON Schema")
    for keyword, value in schema.items():
        if keyword not in _KEYWORDS:
            raise TemplateInvalid(
                f"the keyword {str(keyword)[:50]!r} is not allowed",
                field=place,
                remedy=f"use {', '.join(sorted(_KEYWORDS))}",
            )
        if keyword == "pattern":
            _check_pattern(value, place)
        if keyword == "properties":
            for name, part in (value if isinstance(value, dict) else {}).items():
                _check_keywords(part, f"{place}.{name}")
        if keyword == "items":
            _check_keywords(value, f"{place}.items")


def _check_pattern(pattern: Any, place: str) -> None:
    try:
        if not isinstance(pattern, str) or len(pattern) > 500:
            raise re.error("is not a text of at most 500 characters")
        parsed = _parser.parse(pattern)
    except re.error as error:
        raise TemplateInvalid(
            f"pattern: {error}", field=place, remedy="write a regular expression"
        ) from error
    if _nests_repeats(parsed, inside=False):
        raise TemplateInvalid(
            "pattern repeats a repetition, which can take for ever",
            field=place,
            remedy="repeat a plain class",
        )


def _nests_repeats(parsed: Any, *, inside: bool) -> bool:
    for operation, argument in parsed:
        repeats = operation in _REPEATS and argument[1] > 20
        if repeats and inside:
            return True
        for part in argument if isinstance(argument, (tuple, list)) else (argument,):
            for inner in part if isinstance(part, list) else (part,):
                if isinstance(inner, _parser.SubPattern) and _nests_repeats(inner, inside=inside or repeats):
                    return True
    return False
