"""Harmless rewritings of Python, SQL, PowerShell and YAML."""

from __future__ import annotations

import ast
import json
import re
import textwrap
from collections.abc import Callable

import yaml

Rewriting = Callable[[str], str]


def around(form: str, indent: str = "") -> Rewriting:
    def put(text: str) -> str:
        return form.format(textwrap.indent(text, indent))

    put.__name__ = form.split("\n")[0]
    return put


def as_python_prints_it(text: str) -> str:
    return ast.unparse(ast.parse(text))


class _Named(ast.NodeTransformer):
    def __init__(self) -> None:
        self.values: list[str] = []

    def visit_Call(self, call: ast.Call) -> ast.AST:
        self.generic_visit(call)
        call.args = [self._name(one) for one in call.args]
        return call

    def _name(self, one: ast.expr) -> ast.expr:
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            self.values.append(one.value)
            return ast.Name(f"value{len(self.values) - 1}", ast.Load())
        return one


def from_names(text: str) -> str:
    """Constant arguments from variables."""
    named = _Named()
    rewritten = ast.unparse(named.visit(ast.parse(text)))
    return "".join(f"value{at} = {value!r}\n" for at, value in enumerate(named.values)) + rewritten


class _Added(ast.NodeTransformer):
    def visit_Constant(self, one: ast.Constant) -> ast.AST:
        if isinstance(one.value, str) and len(one.value) > 1:
            parts = (ast.Constant(one.value[:1]), ast.Constant(one.value[1:]))
            return ast.BinOp(parts[0], ast.Add(), parts[1])
        return one

    def visit_JoinedStr(self, one: ast.JoinedStr) -> ast.AST:
        return one


def from_added_parts(text: str) -> str:
    return ast.unparse(_Added().visit(ast.parse(text)))


def unquoted(rewrite: Rewriting) -> Rewriting:
    """Where a quote or a comment could hold what must stay as it is, nothing is changed."""

    def careful(text: str) -> str:
        return text if re.search(r"['\"$`#@]|--|/\*|-e\w* |\\", text) else rewrite(text)

    careful.__name__ = rewrite.__name__
    return careful


def in_capitals(text: str) -> str:
    return text.upper()


def in_small_letters(text: str) -> str:
    return text.lower()


def a_word_a_line(text: str) -> str:
    return text.replace(" ", "\n  ")


def with_comments_between(text: str) -> str:
    return text.replace(" ", " /* and */ ")


def as_flow(text: str) -> str:
    return _dumped(text, default_flow_style=True)


def in_the_order_of_keys(text: str) -> str:
    return _dumped(text, default_flow_style=False, sort_keys=True)


def with_all_quoted(text: str) -> str:
    return _dumped(text, default_style='"')


def as_json(text: str) -> str:
    return "\n---\n".join(json.dumps(one, default=str) for one in yaml.safe_load_all(text))


def _dumped(text: str, **options: object) -> str:
    return str(yaml.safe_dump_all(list(yaml.safe_load_all(text)), **options))  # type: ignore[call-overload]
