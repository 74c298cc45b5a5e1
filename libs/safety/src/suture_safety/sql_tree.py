"""PostgreSQL's own parse tree of a text, and how to walk it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]
# Values that are put in when it runs; the grammar knows $1 alone. A cast (::type) is none.
_PLACEHOLDER = re.compile(
    r"%\(\w+\)s|%s|(?<![:\w]):(?:'\w+'|\"\w+\"|[A-Za-z_]\w*)|\?(?=\s*(?:[,);]|$|and\b|or\b))"
)


class NotPostgres(Exception):
    """The text is no SQL by PostgreSQL's grammar."""


def parse(text: str) -> list[Node]:
    """The statements' trees. Raises ``NotPostgres``."""
    import pgparse

    try:
        return list(pgparse.parse(_with_parameters(text)))
    except (pgparse.PGQueryError, RecursionError, ValueError) as error:
        raise NotPostgres(str(error.args[0]) if error.args else "cannot be read") from error


def _with_parameters(text: str) -> str:
    """The text with its placeholders as parameters of the same length, so that every place stays."""
    if not re.search(r"[%:?]", text):
        return text
    return _PLACEHOLDER.sub(lambda found: "$1".ljust(len(found.group())), text)


def nodes(tree: Any) -> Iterator[tuple[str, Node]]:
    """Every node of a tree with its type."""
    stack = [tree]
    while stack:
        one = stack.pop()
        if isinstance(one, dict):
            for key, value in one.items():
                if isinstance(value, dict) and key[:1].isupper():
                    yield key, value
                if isinstance(value, (dict, list)):
                    stack.append(value)
        else:
            stack.extend(item for item in one if isinstance(item, (dict, list)))


def called(call: Node) -> str:
    """The name of the function of a ``FuncCall``, without its schema."""
    return str(call["funcname"][-1]["String"]["sval"]).lower()


def calls(tree: Any) -> Iterator[Node]:
    """Every ``FuncCall`` of a tree."""
    return (body for kind, body in nodes(tree) if kind == "FuncCall")


def constants(tree: Any) -> Iterator[str]:
    """Every constant of a tree, as text; the parser leaves out what is zero, false or empty."""
    for kind, body in nodes({"": tree}):
        if kind == "A_Const":
            for key, empty in (("sval", ""), ("ival", "0"), ("fval", "0"), ("boolval", "false")):
                if key in body:
                    yield str(body[key].get(key, empty)).lower()


def at(text: str, offset: int, place: tuple[int, int]) -> tuple[int, int]:
    """Row and column of an offset, in a text that begins at ``place``."""
    row = text.count("\n", 0, offset)
    column = offset - (text.rfind("\n", 0, offset) + 1)
    return (place[0] + row, column + 1) if row else (place[0], place[1] + column)
