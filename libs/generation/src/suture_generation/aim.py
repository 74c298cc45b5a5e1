"""Whether a script that a model wrote is for the targets that it was asked for.

The sandbox is the fence; here the model is told early enough to correct itself.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from suture_contracts.script import ScriptDocument
from suture_contracts.target import Target


def misses(document: ScriptDocument, targets: Sequence[Target]) -> str | None:
    """What of a script is for something else, named by its field; ``None`` where nothing is."""
    if any(document.script_type not in target.allowed_types for target in targets):
        return f"script_type: the targets take no {document.script_type}"
    return _writes_elsewhere(document, targets) or _manifest_elsewhere(document, targets)


def _writes_elsewhere(document: ScriptDocument, targets: Sequence[Target]) -> str | None:
    roots = [str(target.reach.get("root") or "") for target in targets if target.kind == "local"]
    if not targets or len(roots) != len(targets) or not all(roots):
        return None
    for path in document.writes:
        if not any(_is_within(path, root) for root in roots):
            return f"writes: {path} is outside of the targets; write below {' or '.join(roots)}"
    return None


def _is_within(path: str, root: str) -> bool:
    whole, base = posixpath.normpath(path), posixpath.normpath(root)
    return whole == base or whole.startswith(base.rstrip("/") + "/")


def _manifest_elsewhere(document: ScriptDocument, targets: Sequence[Target]) -> str | None:
    known = {str(target.reach.get("namespace") or "") for target in targets if target.kind == "kubernetes"}
    if document.script_type != "kubernetes" or not known or "" in known:
        return None
    try:
        for namespace in _namespaces_of(document.body):
            if namespace not in known:
                allowed = " or ".join(sorted(known))
                return f"body: the namespace {namespace[:100]!r} is not the targets'; use {allowed}"
    except (yaml.YAMLError, RecursionError) as error:
        return f"body: is no YAML that can be read: {type(error).__name__}"
    return None


def _namespaces_of(manifests: str) -> Iterator[str]:
    """Those that objects say; one that says none goes to the target's own."""
    for item in yaml.safe_load_all(manifests):
        objects: list[Any] = item.get("items") or [item] if isinstance(item, dict) else []
        for each in objects if isinstance(objects, list) else ():
            metadata = each.get("metadata") if isinstance(each, dict) else None
            if isinstance(metadata, dict) and metadata.get("namespace") is not None:
                yield str(metadata["namespace"])
