"""Reads a request's JSON body: bounded while it arrives, strict as JSON, checked against a model."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from suture_gateway.http.problems import HttpProblem, of_validation, problem
from suture_gateway.http.strict_json import parse

MAX_BODY_BYTES = 1_048_576
_READ_SECONDS = 20
_THROW_SECONDS = 5
_THROW_BYTES = 16_000_000

B = TypeVar("B", bound=BaseModel)


def json_body(model: type[B], *, optional: bool = False) -> Callable[[Request], Awaitable[B]]:
    """A dependency: the body as ``model``. ``optional``: an empty body is the same as ``{}``."""

    async def read(request: Request) -> B:
        data = await _read(request)
        request.state.body = data
        if not data and optional:
            data = b"{}"
        else:
            require_json(request)
        return parsed(data, model)

    return read


def parsed(data: bytes, model: type[B]) -> B:
    """The body's bytes as ``model``; raises the problem that names the field."""
    if not data:
        needed = (field.alias or name for name, field in model.model_fields.items() if field.is_required())
        said = ", ".join(needed)
        raise problem(400, "there is no body", remedy=f"send a JSON object{said and f' with {said}'}")
    value = parse(data)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise of_validation(error.errors(include_url=False, include_context=False)) from None


def documented(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """What OpenAPI says of a body that ``json_body`` reads."""
    schema = model.model_json_schema()
    whole = _inlined(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": whole}}}}


def _inlined(value: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema without references: ``$defs`` would be looked for in the whole API's document."""
    if isinstance(value, list):
        return [_inlined(item, definitions) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _inlined(definitions[value["$ref"].rsplit("/", 1)[1]], definitions)
    return {name: _inlined(item, definitions) for name, item in value.items()}


async def _read(request: Request) -> bytes:
    length = request.headers.get("content-length", "")
    stream = request.stream()
    data = bytearray()
    try:
        async with asyncio.timeout(_READ_SECONDS):
            if length.isdigit() and int(length) > MAX_BODY_BYTES:
                raise await _too_large(stream)
            async for chunk in stream:
                if len(data) + len(chunk) > MAX_BODY_BYTES:
                    raise await _too_large(stream)
                data += chunk
    except TimeoutError:
        raise problem(
            408, f"the body did not arrive within {_READ_SECONDS} s", headers={"Connection": "close"}
        ) from None
    return bytes(data)


async def _too_large(stream: AsyncIterator[bytes]) -> HttpProblem:
    # Closing on a sender that still sends would cost it the answer: what comes is thrown away, up to a bound.
    thrown = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_THROW_SECONDS):
            async for chunk in stream:
                thrown += len(chunk)
                if thrown > _THROW_BYTES:
                    break
    return problem(
        413,
        f"the body is larger than {MAX_BODY_BYTES} bytes",
        remedy="send less",
        headers={"Connection": "close"},
    )


def require_json(request: Request) -> None:
    kind, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charset_ok = all(
        part in ("charset=utf-8", 'charset="utf-8"') for part in parameters if part.startswith("charset")
    )
    json_type = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not json_type or not charset_ok:
        raise problem(
            415, "the body has to be JSON in UTF-8", field="Content-Type", remedy="send application/json"
        )
