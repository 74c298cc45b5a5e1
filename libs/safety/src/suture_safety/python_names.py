"""What names and expressions in Python stand for: imports, aliases, constants."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

from suture_safety.bash.values import ANY, bounded, is_known
from suture_safety.python_constants import called, formatted, looped

if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_DEPTH = 40
_ROUND = ast.dump(ast.parse("x[::-1]", mode="eval").body.slice)  # type: ignore[attr-defined]


_NAMING = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.NamedExpr)


class Names:
    """Resolves expressions of one module to full names and constant texts."""

    def __init__(self, nodes: Iterable[ast.AST]) -> None:
        self.imported: dict[str, str] = {}
        self._assigned: dict[str, list[ast.expr]] = {}
        self._looped: dict[str, list[ast.expr]] = {}
        self._starred: list[str] = []
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.imported[alias.asname or alias.name.split(".")[0]] = (
                        alias.name if alias.asname else alias.name.split(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if alias.name == "*":
                        self._starred.append(node.module or "")
                    else:
                        self.imported[alias.asname or alias.name] = f"{node.module or ''}.{alias.name}"
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self._assigned.setdefault(target.id, []).append(node.value)
            elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and isinstance(node.target, ast.Name):
                if node.value is not None:
                    self._assigned.setdefault(node.target.id, []).append(node.value)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                # Changed in place: no single value.
                self._assigned.setdefault(node.target.id, []).extend([node.target, node.target])
            elif isinstance(node, (ast.For, ast.comprehension)):
                targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        self._looped.setdefault(target.id, []).append(node.iter)

    def dotted(self, node: ast.expr, depth: int = 0) -> str:
        """``os.system`` for whatever expression means it; empty when that is not known."""
        if depth > _MAX_DEPTH:
            return ""
        if isinstance(node, ast.Name):
            if node.id in self.imported:
                return self.imported[node.id]
            values = self._assigned.get(node.id)
            if values and len(values) == 1 and isinstance(values[0], _NAMING):
                return self.dotted(values[0], depth + 1) or node.id
            if self._starred and not values and not hasattr(builtins, node.id):
                return f"{self._starred[-1]}.{node.id}"
            return node.id
        if isinstance(node, ast.NamedExpr):
            return self.dotted(node.value, depth + 1)
        if isinstance(node, ast.Subscript):
            return self._entry(node, depth)
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

    def _entry(self, node: ast.Subscript, depth: int) -> str:
        """``vars(os)["system"]`` and its kin: names by way of the dictionaries that hold them."""
        key = self.text(node.slice, depth + 1)
        held = node.value
        if isinstance(held, ast.Attribute) and held.attr == "__dict__":
            return f"{self.dotted(held.value, depth + 1)}.{key}"
        if self.dotted(held, depth + 1) == "sys.modules":
            return key
        if isinstance(held, ast.Call) and isinstance(held.func, ast.Name):
            if held.func.id == "vars" and held.args:
                return f"{self.dotted(held.args[0], depth + 1)}.{key}"
            if held.func.id in ("globals", "locals", "vars"):
                return self.imported.get(key, key)
        return ""

    def text(self, node: ast.expr | None, depth: int = 0) -> str:
        """The constant text of an expression, with ``ANY`` where a part of it is not known."""
        if node is None or depth > _MAX_DEPTH:
            return ANY
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else str(node.value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return bounded(self.text(node.left, depth + 1) + self.text(node.right, depth + 1))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return formatted(self, node, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return bounded(f"{self.text(node.left, depth + 1)}/{self.text(node.right, depth + 1)}")
        if isinstance(node, ast.JoinedStr):
            parts = (
                part.value if isinstance(part, ast.Constant) else self.text(part.value, depth + 1)  # type: ignore[attr-defined]
                for part in node.values
            )
            return bounded("".join(str(part) for part in parts))
        if isinstance(node, ast.Name):
            values, iterated = self._assigned.get(node.id, ()), self._looped.get(node.id, ())
            if len(iterated) == 1 and not values:
                return looped(self, iterated[0], depth + 1)
            return self.text(values[0], depth + 1) if len(values) == 1 and not iterated else ANY
        if isinstance(node, ast.Attribute) and node.attr == "path":
            return self.text(node.value, depth + 1)
        if isinstance(node, ast.Subscript) and _turns_round(node.slice):
            text = self.text(node.value, depth + 1)
            return text[::-1] if is_known(text) else ANY
        if isinstance(node, ast.Call):
            return called(self, node, depth)
        return ANY


def _turns_round(part: ast.expr) -> bool:
    """Whether a slice is ``[::-1]``."""
    return isinstance(part, ast.Slice) and not part.lower and not part.upper and ast.dump(part) == _ROUND
