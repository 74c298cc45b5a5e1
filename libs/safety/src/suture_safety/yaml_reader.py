"""Reads YAML within bounds: size, depth, documents, and what aliases unfold to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from suture_safety.bounds import BoundExceeded

if TYPE_CHECKING:
    from yaml.nodes import Node

    from suture_safety.bounds import Budget

_MAX_NODES = 20_000
_MAX_DEPTH = 60
_MAX_DOCUMENTS = 200


class BrokenYaml(Exception):
    """The text is not YAML. ``line`` and ``column`` count from 1."""

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(reason)
        self.reason, self.line, self.column = reason, line, column


def read_documents(text: str, budget: Budget) -> list[Node]:
    """The documents as nodes with their places. Raises ``BrokenYaml`` and ``BoundExceeded``."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _measure(yaml.parse(text, Loader=loader), budget)
        return [node for node in yaml.compose_all(text, Loader=loader) if node is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = str(error.problem or "is not YAML")
        raise BrokenYaml(reason, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1) from error
    except yaml.YAMLError as error:
        raise BrokenYaml(str(error).split("\n")[0][:160], 1, 1) from error


def _measure(events: Any, budget: Budget) -> None:
    """Counts what the document unfolds to, aliases included, before anything is built."""
    total = depth = documents = 0
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    for event in events:
        budget.step()
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            documents += 1
        elif kind == "AliasEvent":
            if any(event.anchor == anchor for anchor, _ in open_nodes):
                raise BoundExceeded("bounds.depth", "has an alias that stands inside what it names: no end")
            total += sizes.get(event.anchor, 1)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            total += 1
            depth += 1
            open_nodes.append((event.anchor, total))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            depth -= 1
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = total - before + 1
        elif kind == "ScalarEvent":
            total += 1
        if total > _MAX_NODES or depth > _MAX_DEPTH or documents > _MAX_DOCUMENTS:
            raise BoundExceeded(
                "bounds.size",
                f"unfolds to over {_MAX_NODES:,} nodes, {_MAX_DEPTH} levels or {_MAX_DOCUMENTS} documents",
            )


def place(node: Node) -> tuple[int, int]:
    """Line and column of a node, from 1."""
    return node.start_mark.line + 1, node.start_mark.column + 1


def entries(node: Node | None) -> dict[str, Node]:
    """The entries of a mapping by key; empty for anything else."""
    import yaml

    if not isinstance(node, yaml.MappingNode):
        return {}
    return {str(key.value): value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def items(node: Node | None) -> list[Node]:
    import yaml

    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def scalar(node: Node | None) -> str | None:
    """A scalar's text; ``None`` for null, a mapping or a list."""
    import yaml

    if not isinstance(node, yaml.ScalarNode) or node.tag.endswith(":null"):
        return None
    return str(node.value)


def is_true(node: Node | None) -> bool:
    return (scalar(node) or "").lower() in ("true", "yes", "on")


def is_false(node: Node | None) -> bool:
    return (scalar(node) or "").lower() in ("false", "no", "off")
