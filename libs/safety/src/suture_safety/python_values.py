"""Functions that are used as values: whoever gets them calls them with what cannot be told."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def handed_on(nodes: Sequence[ast.AST]) -> Iterator[ast.Name | ast.Attribute]:
    """The names that are read, but neither called at once nor part of another name, a type or an alias."""
    apart = {id(node) for node in _otherwise_read(nodes)}
    for node in nodes:
        if not isinstance(node, (ast.Name, ast.Attribute)) or id(node) in apart:
            continue
        if isinstance(node.ctx, ast.Load):
            yield node


def _otherwise_read(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    for node in nodes:
        if isinstance(node, ast.Call):
            yield node.func
            if isinstance(node.func, ast.Name) and node.func.id in ("isinstance", "issubclass"):
                for argument in node.args:
                    yield from ast.walk(argument)
        elif isinstance(node, ast.Attribute):
            yield node.value
        elif isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets):
            yield node.value  # another name for it, which is followed
        elif isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
            yield from ast.walk(node.annotation)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns is not None:
            yield from ast.walk(node.returns)
        elif isinstance(node, ast.ClassDef):
            yield from node.bases
