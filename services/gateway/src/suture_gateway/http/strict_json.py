"""JSON as strict as it can be: what two readers might disagree on is refused."""

from __future__ import annotations

import json
import math
from typing import Any

from suture_gateway.http.problems import HttpProblem, problem

_MAX_DEPTH = 32
_MAX_INTEGER = 2**63 - 1
_WORTH_A_LOOK = (dict, list, str)
_Path = tuple[Any, ...]
"""Where a value is, as (path of the one around it, its name or index); empty at the top."""


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
            parse_int=_storable,
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


def _storable(text: str) -> int:
    # 64 bits are what the store keeps and most readers know.
    number = int(text) if len(text) < 25 else _MAX_INTEGER + 1
    if not -_MAX_INTEGER <= number <= _MAX_INTEGER:
        raise problem(400, f"{text[:40]} is too large for a number", remedy="send a smaller one, or a text")
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
