"""Reads a request's JSON body: bounded while it arrives, strict as JSON, checked against a model."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from suture_gateway.http.problems import HttpProblem, of_validation, problem

MAX_BODY_BYTES = 1_048_576
_READ_SECONDS = 20
_THROW_SECONDS = 5
_THROW_BYTES = 16_000_000
_MAX_DEPTH = 32
_WORTH_A_LOOK = (dict, list, str)
_Path = tuple[Any, ...]
"""Where a value is, as (path of the one around it, its name or index); empty at the top."""

B = TypeVar("B", bound=BaseModel)


def json_body(model: type[B], *, optional: bool = False) -> Callable[[Request], Awaitable[B]]:
    """A dependency: the body as ``model``. ``optional``: an empty body is the same as ``{}``."""

    async def read(request: Request) -> B:
        data = await _read(request)
        request.state.body = data
        if not data and optional:
            data = b"{}"
        else:
            _require_json(request)
        value = parse(data)
        try:
            return model.model_validate(value)
        except ValidationError as error:
            raise of_validation(error.errors(include_url=False, include_context=False)) from None

    return read


def documented(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """What OpenAPI says of a body that ``json_body`` reads."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


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


def _require_json(request: Request) -> None:
    kind, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charset_ok = all(
        part in ("charset=utf-8", 'charset="utf-8"') for part in parameters if part.startswith("charset")
    )
    json_type = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if not json_type or not charset_ok:
        raise problem(
            415, "the body has to be JSON in UTF-8", field="Content-Type", remedy="send application/json"
        )


def parse(data: bytes) -> Any:
    """The JSON value.

    Refuses what readers disagree on: duplicate keys, NaN, NUL, half a surrogate pair, deep nesting.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except HttpProblem:
        raise
    except UnicodeDecodeError as error:
        raise problem(
            400, f"the body is not UTF-8: byte {error.start}", remedy="encode it as UTF-8"
        ) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise problem(
            400, f"the body is not JSON: {error.msg} at {where}", remedy="send valid JSON"
        ) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise problem(400, f"the body is not JSON: {str(error)[:200]}", remedy="send valid JSON") from None
    _check(value, texts=b"\\u" in data)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise problem(400, "a key is there twice in one object", field=twice[:200], remedy="send it once")
    return made


def _no_constant(name: str) -> Any:
    raise problem(400, f"{name} is not JSON", remedy="send a finite number or null")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise problem(400, f"{text[:40]} is too large for a number", remedy="send a finite number")
    return number


def _too_deep() -> HttpProblem:
    return problem(422, f"the body is nested deeper than {_MAX_DEPTH} levels", remedy="flatten it")


def _check(value: Any, texts: bool) -> None:
    # Only a \\u escape can bring NUL or half a surrogate pair: without one there is no text to look at.
    level: list[tuple[_Path, Any]] = [((), value)]
    for _ in range(_MAX_DEPTH + 1):
        below: list[tuple[_Path, Any]] = []
        for path, item in level:
            if isinstance(item, dict):
                for name, inner in item.items():
                    if texts:
                        _check_text(name, path)
                    if isinstance(inner, _WORTH_A_LOOK):
                        below.append(((path, name), inner))
            elif isinstance(item, list):
                below.extend(
                    ((path, at), inner) for at, inner in enumerate(item) if isinstance(inner, _WORTH_A_LOOK)
                )
            elif texts and isinstance(item, str):
                _check_text(item, path)
        if not below:
            return
        level = below
    raise _too_deep()


def _check_text(text: str, path: _Path) -> None:
    if "\x00" in text:
        raise problem(422, "contains a NUL character", field=_named(path), remedy="remove it")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise problem(
                422, "contains half a surrogate pair", field=_named(path), remedy="send valid Unicode"
            ) from None


def _named(path: _Path) -> str | None:
    names: list[str] = []
    while path:
        path, name = path
        names.append(str(name))
    return ".".join(reversed(names))[:200] or None
