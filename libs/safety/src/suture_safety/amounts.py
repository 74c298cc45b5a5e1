"""How much a manifest asks for: memory and CPU of each container, replicas, the time of a Job."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.pod_security import CONTAINERS
from suture_safety.yaml_reader import entries, items, place, scalar

if TYPE_CHECKING:
    from yaml.nodes import Node

    from suture_safety.collector import Effects

UNBOUNDED = 2**63
_QUANTITY = re.compile(r"(\d{1,18}(?:\.\d{0,9})?)(m|[kMGTPE]i?|)")
_POWERS = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}


def note_amounts(effects: Effects, node: Node, kind: str, pod: Node, offset: int) -> None:
    """``container_memory_mb``, ``container_millicpu``, ``replicas``, ``job_seconds``; the largest counts."""
    spec = job_spec(node, kind)
    if kind in ("Job", "CronJob"):
        _note(effects, "job_seconds", entries(spec).get("activeDeadlineSeconds"), spec or node, offset)
        if parallel := entries(spec).get("parallelism"):
            _note(effects, "replicas", parallel, parallel, offset)
    elif replicas := entries(spec).get("replicas"):
        _note(effects, "replicas", replicas, replicas, offset)
    known = entries(entries(pod).get("spec"))
    for container in (one for name in CONTAINERS for one in items(known.get(name))):
        limits = entries(entries(entries(container).get("resources")).get("limits"))
        _note(effects, "container_memory_mb", limits.get("memory"), container, offset, 1 / 1024**2)
        _note(effects, "container_millicpu", limits.get("cpu"), container, offset, 1_000)


def job_spec(node: Node, kind: str) -> Node | None:
    """The specification that says how many and for how long: a CronJob has that of its Job."""
    spec = entries(node).get("spec")
    return entries(entries(spec).get("jobTemplate")).get("spec") if kind == "CronJob" else spec


def _note(
    effects: Effects, name: str, value: Node | None, beside: Node, offset: int, factor: float = 1
) -> None:
    line, column = place(value or beside)
    amount = _quantity(scalar(value) or "")
    whole = UNBOUNDED if amount is None else -int(-amount * factor // 1)
    effects.amount(name, whole, (line + offset, column))


def _quantity(text: str) -> float | None:
    """A quantity of the API's; what is none, or is not given, bounds nothing."""
    found = _QUANTITY.fullmatch(text)
    if found is None:
        return None
    number, unit = float(found[1]), found[2]
    if unit == "m":
        return number / 1_000
    return number * float(1024 if unit.endswith("i") else 1_000) ** _POWERS[unit.rstrip("i")]
