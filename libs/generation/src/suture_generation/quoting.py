"""How a parameter becomes a word of a script's language: nothing is ever inserted as it is."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

from jinja2 import StrictUndefined
from suture_contracts.base import ScriptType

from suture_generation.errors import RenderRefused

Quote = Callable[[Any], str]
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


class Identifier(str):
    """The name of a table, a column or an index: SQL quotes it in another way than a value."""

    __slots__ = ()


def identifier(value: Any) -> Identifier:
    """Raises ``RenderRefused`` where it is no plain name."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise RenderRefused(
            f"{str(value)[:100]!r} is no plain name", remedy="use at most 63 letters, digits and _"
        )
    return Identifier(value)


def quote_for(script_type: ScriptType) -> Quote:
    """The function that turns a value into source text of ``script_type``."""
    return {"bash": _bash, "python": _python, "sql": _sql, "kubernetes": _json, "config": _json}[script_type]


def plain(value: Any) -> str:
    """A value as it is, for a path or an address of the document: data, which no shell reads."""
    _known(value)
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise RenderRefused("a list or truth value cannot be part of a path or an address")
    return str(value)


def _known(value: Any) -> None:
    if isinstance(value, StrictUndefined):
        str(value)  # raises jinja2.UndefinedError, which names it
    if value is None:
        raise RenderRefused(
            "inserts a parameter that has no value", remedy="guard it with {% if %} or give it a default"
        )
    if isinstance(value, str) and "\x00" in value:
        raise RenderRefused("a parameter contains a NUL character", remedy="remove it")


def _bash(value: Any) -> str:
    _known(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return " ".join(_bash(item) for item in value)
    if isinstance(value, (str, int, float)):
        return shlex.quote(str(value))
    raise RenderRefused(f"a {type(value).__name__} cannot be a shell word")


def _python(value: Any) -> str:
    _known(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_python(item) for item in value) + "]"
    if isinstance(value, (str, bool, int, float)):
        return repr(value)
    raise RenderRefused(f"a {type(value).__name__} cannot be a python literal")


def _sql(value: Any) -> str:
    _known(value)
    if isinstance(value, Identifier):
        return f'"{value}"'
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (list, tuple)):
        return ", ".join(_sql(item) for item in value)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        if "\\" in value:
            # Databases differ in what a backslash means within quotes.
            raise RenderRefused("a parameter for SQL contains a backslash", remedy="remove it")
        return "'" + value.replace("'", "''") + "'"
    raise RenderRefused(f"a {type(value).__name__} cannot be an SQL literal")


def _json(value: Any) -> str:
    _known(value)
    return json.dumps(value)
