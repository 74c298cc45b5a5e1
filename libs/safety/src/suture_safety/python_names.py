"""What names and expressions in Python stand for: imports, aliases, constants."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from suture_safety.bash.values import ANY, bounded

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_DEPTH = 40


class Names:
    """Resolves expressions of one module to full names and constant texts."""

    def __init__(self, nodes: Iterable[ast.AST]) -> None:
        self.imported: dict[str, str] = {}
        self._assigned: dict[str, list[ast.expr]] = {}
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.imported[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self.imported[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self._assigned.setdefault(target.id, []).append(node.value)
            elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and isinstance(node.target, ast.Name):
                if node.value is not None:
                    self._assigned.setdefault(node.target.id, []).append(node.value)
            elif isinstance(node, (ast.AugAssign, ast.For)) and isinstance(node.target, ast.Name):
                # Changed in place, or by a loop: no single value.
                self._assigned.setdefault(node.target.id, []).extend([node.target, node.target])

    def dotted(self, node: ast.expr, depth: int = 0) -> str:
        """``os.system`` for whatever expression means it; empty when that is not known."""
        if depth > _MAX_DEPTH:
            return ""
        if isinstance(node, ast.Name):
            if node.id in self.imported:
                return self.imported[node.id]
            values = self._assigned.get(node.id)
            if values and len(values) == 1 and isinstance(values[0], (ast.Name, ast.Attribute, ast.Call)):
                return self.dotted(values[0], depth + 1) or node.id
            return node.id
        if isinstance(node, ast.Attribute):
            owner = self.dotted(node.value, depth + 1)
            return f"{owner}.{node.attr}" if owner else ""
        if isinstance(node, ast.Call):
            called = self.dotted(node.func, depth + 1)
            if called in ("__import__", "importlib.import_module", "builtins.__import__") and node.args:
                return self.text(node.args[0])
            if called in ("getattr", "builtins.getattr") and len(node.args) >= 2:
                name = self.text(node.args[1])
                owner = self.dotted(node.args[0], depth + 1)
                return f"{owner}.{name}" if name.isidentifier() else f"{owner}.{ANY}"
            return called
        return ""

    def text(self, node: ast.expr | None, depth: int = 0) -> str:
        """The constant text of an expression, with ``ANY`` where a part of it is not known."""
        if node is None or depth > _MAX_DEPTH:
            return ANY
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else str(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return bounded(self.text(node.left, depth + 1) + self.text(node.right, depth + 1))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return bounded(f"{self.text(node.left, depth + 1)}/{self.text(node.right, depth + 1)}")
        if isinstance(node, ast.JoinedStr):
            parts = (
                part.value if isinstance(part, ast.Constant) else self.text(part.value, depth + 1)  # type: ignore[attr-defined]
                for part in node.values
            )
            return bounded("".join(str(part) for part in parts))
        if isinstance(node, ast.Name):
            values = self._assigned.get(node.id)
            return self.text(values[0], depth + 1) if values and len(values) == 1 else ANY
        if isinstance(node, ast.Call):
            return self._called(node, depth)
        return ANY

    def _called(self, node: ast.Call, depth: int) -> str:
        name = self.dotted(node.func)
        if (
            name
            in (
                "pathlib.Path",
                "pathlib.PurePath",
                "pathlib.PosixPath",
                "str",
                "os.fspath",
                "os.path.abspath",
            )
            and node.args
        ):
            return "/".join(self.text(argument, depth + 1) for argument in node.args)
        if name == "os.path.join":
            return "/".join(self.text(argument, depth + 1) for argument in node.args)
        if name.startswith("tempfile."):
            return "/tmp/\ue002"  # noqa: S108 - what such a call names
        if isinstance(node.func, ast.Attribute) and node.func.attr == "join" and node.args:
            parts = node.args[0]
            if isinstance(parts, (ast.List, ast.Tuple)):
                glue = self.text(node.func.value, depth + 1)
                return bounded(glue.join(self.text(part, depth + 1) for part in parts.elts))
        return ANY
