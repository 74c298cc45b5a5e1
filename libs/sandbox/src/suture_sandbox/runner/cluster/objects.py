"""Objects as they are compared, digested and shown; all from values alone."""

from __future__ import annotations

import json
import re

from suture_sandbox.runner.tree import hashed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Object = dict[str, Any]

MANAGER = "suture"
CREATED_BY = "suture.dev/created-by"
"""Annotation on what a run created: its claim's name."""
TAKES_OVER = "suture.dev/takes-over"
"""Annotation in a manifest: the managers, by name, whose fields it may take. It is not applied."""
UNTOUCHABLE = frozenset(
    {"PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition", "Namespace"}
)
_BOOKKEEPING = (
    "resourceVersion", "uid", "generation", "creationTimestamp", "managedFields", "selfLink",
    "deletionTimestamp", "deletionGracePeriodSeconds",
)  # fmt: skip
_BY_CONTROLLERS = ("deployment.kubernetes.io/revision",)
_FIRST = ("ServiceAccount", "Secret", "ConfigMap", "Role", "RoleBinding", "Service")
_AMOUNTS = frozenset({"requests", "limits", "hard"})
"""Fields whose values are amounts: the server writes ``1024Mi`` as ``1Gi``."""
_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))?(n|u|m||k|[MGTPE]|[KMGTPE]i)")
_NANO = 10**9
ABSENT = "absent"
_MOST_DIFF = 19_000


def key(item: Object) -> str:
    """How results and drift name an object: ``Deployment/web`` (``v1`` is left out, a group is not)."""
    return f"{item['kind']}/{item['metadata']['name']}"


def in_order(items: list[Object]) -> list[Object]:
    """What others refer to comes first."""
    return sorted(
        items, key=lambda item: _FIRST.index(item["kind"]) if item["kind"] in _FIRST else len(_FIRST)
    )


def normal(item: Object) -> Object:
    """The object without its status and without what the server and its controllers keep in it."""
    metadata = {name: value for name, value in item["metadata"].items() if name not in _BOOKKEEPING}
    annotations = {
        name: value
        for name, value in (metadata.pop("annotations", None) or {}).items()
        if name not in _BY_CONTROLLERS
    }
    if annotations:
        metadata["annotations"] = annotations
    return {**{name: value for name, value in item.items() if name != "status"}, "metadata": metadata}


def digest(item: Object | None) -> str:
    """One word for an object's normal form."""
    if item is None:
        return ABSENT
    text = json.dumps(normal(item), sort_keys=True, separators=(",", ":"))
    return hashed(text.encode())


def restored(before: Object, current: Object | None) -> Object:
    """What is written to bring ``before`` back in the place of ``current``."""
    item = normal(before)
    if current is not None:
        item["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
    return item


def contains(live: Any, wanted: Any, amounts: bool = False) -> bool:
    """Whether all that ``wanted`` says is so in ``live``; of a list, each item has its match.

    With ``amounts`` both are of a field of amounts, which are equal however they are written.
    """
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(
            name in live and contains(live[name], value, amounts or name in _AMOUNTS)
            for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(live, list) and all(any(contains(one, item) for one in live) for item in wanted)
    return bool(live == wanted or (amounts and _nano(live) == _nano(wanted) is not None))


def _nano(amount: Any) -> int | None:
    """A quantity of Kubernetes in billionths, ``None`` where it is none."""
    match = _AMOUNT.fullmatch(str(amount))
    if match is None:
        return None
    whole, part, unit = match.groups()
    value = int(whole) * _NANO + int((part or "").ljust(9, "0"))
    if unit in ("n", "u", "m"):
        return int(value // 10 ** (9 - 3 * "num".index(unit)))
    base = 1024 if unit.endswith("i") else 1000
    return int(value * base ** " KMGTPE".index((unit or " ")[0].upper()))


def diff(before: dict[str, Object | None], after: dict[str, Object | None]) -> str:
    """A unified diff over normal forms; a Secret's values are shown as digests."""
    import difflib  # here alone: only rehearsals and results with a change pay for it

    lines: list[str] = []
    for name in sorted(after):
        left, right = _lines(before.get(name)), _lines(after[name])
        first = name if before.get(name) else "/dev/null"
        lines += difflib.unified_diff(left, right, first, name)
    return "".join(lines)[:_MOST_DIFF]


def _lines(item: Object | None) -> list[str]:
    if item is None:
        return []
    shown = normal(item)
    if shown["kind"] == "Secret":
        for field in ("data", "stringData"):
            values = shown.get(field) or {}
            if values:
                shown[field] = {
                    name: f"sha256:{hashed(str(value).encode())[:12]}" for name, value in values.items()
                }
    return [f"{line}\n" for line in json.dumps(shown, indent=1, sort_keys=True).splitlines()]
