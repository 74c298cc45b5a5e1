"""The objects that a finding names, as facts that templates may ask for.

What a detector says of objects comes from outside. A name is taken only where it has the form that Kubernetes
gives names, and a template's schema bounds it again; what may be reached is the target's own ceiling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from suture_contracts.findings import AffectedObject, RcaReceived

_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_IS_NAME = re.compile(_NAME)
_WORKLOADS = ("deployment", "statefulset", "daemonset")
_KINDS = (
    *_WORKLOADS,
    *("service", "configmap", "secret", "job", "cronjob", "pod", "namespace", "node", "ingress"),
    *("networkpolicy", "horizontalpodautoscaler", "hpa", "resourcequota", "role", "serviceaccount"),
    *("persistentvolumeclaim", "pvc", "schedule"),
)
_CHAOS = frozenset(
    (
        *("podchaos", "networkchaos", "iochaos", "stresschaos", "httpchaos"),
        *("dnschaos", "timechaos", "jvmchaos", "kernelchaos"),
    )
)
_POLICIES = frozenset(("networkpolicy", "authorizationpolicy", "peerauthentication"))
_UNMISTAKABLE = (*_WORKLOADS, "configmap", "cronjob", "networkpolicy", "horizontalpodautoscaler", "hpa")
_SHORT = {"hpa": "horizontalpodautoscaler", "pvc": "persistentvolumeclaim"}
# Kubernetes makes these names without vowels; some detectors show them in hexadecimal.
_POD_OF_DEPLOYMENT = re.compile(
    rf"({_NAME})-(?:[0-9a-f]{{6,10}}|[b-df-hj-np-tv-xz2-9]{{6,10}})-[a-z0-9]{{5}}"
)
_POD_OF_STATEFULSET = re.compile(rf"({_NAME})-[0-9]{{1,4}}")
_KIND = "|".join(_KINDS)
# A name in running text counts where it is quoted, or could not be an ordinary word. Nothing here backtracks
# over more than a name's length: the text is anybody's.
_HYPHENED = r"[a-z0-9][a-z0-9.]{0,60}-[a-z0-9.-]{0,100}"
_MARKED = rf"(?:[`'\"]({_NAME})[`'\"]|(?<![\w.-])({_HYPHENED})(?![\w.-]))"
_NAME_THEN_KIND = re.compile(rf"{_MARKED}\s{{1,3}}({_KIND})\b(?![=:/])", re.IGNORECASE)
_KIND_THEN_NAME = re.compile(rf"\b({_KIND})[ :/]{{1,3}}{_MARKED}", re.IGNORECASE)
_NAMESPACE = re.compile(
    rf"\bnamespace[ :=]{{1,3}}{_MARKED}|{_MARKED} namespace\b(?![=:])"
    r"|\bin (?:the )?(namespace-[a-z0-9-]{1,50})",
    re.IGNORECASE,
)
# What stands in these places is a name whatever it looks like, but for words that lead on.
_PLAIN = r"[a-z0-9][a-z0-9.-]{0,100}"
_PLAIN_NAMESPACE = re.compile(
    rf"\bin namespace ({_PLAIN})|\bin (?:the )?({_PLAIN}) namespace\b|\bnamespace=[\"']?({_PLAIN})"
    rf"|\s-n ({_PLAIN})",
    re.IGNORECASE,
)
_NAMESPACE_THEN_NAME = re.compile(rf"\b({_KIND}):? ({_PLAIN})/({_PLAIN})", re.IGNORECASE)
_NAMED = re.compile(
    rf"\b({_KIND})s? (?:named|called) [`'\"]?({_PLAIN})|\b({_KIND})=[\"']?({_PLAIN})"
    rf"|\b({_KIND}) ({_PLAIN}) in (?:the )?namespace\b"
    rf"|\b({'|'.join(_UNMISTAKABLE)})/({_PLAIN})",
    re.IGNORECASE,
)
_NO_NAMES = frozenset(
    (
        *("a", "all", "an", "and", "another", "any", "because", "each", "every", "given", "its", "of", "one"),
        *("other", "our", "same", "several", "some", "that", "the", "their", "this", "those", "to", "which"),
        *(
            "where",
            "whole",
            "with",
            "wrong",
            "your",
            "is",
            "are",
            "was",
            "running",
            "application",
            "container",
        ),
        *_KINDS,
    )
)
_FLAG = re.compile(r"\b([A-Za-z][A-Za-z0-9_]{2,99}) feature flag\b|\bfeature flag [`'\"]?([A-Za-z]\w{2,99})")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9]*[A-Z]\w{0,99}")
_PATH_LIKE = re.compile(rf"(?:({_NAME})/)?({_KIND})/({_NAME})", re.IGNORECASE)
_MOST_TEXT = 20_000


def facts_of(rca: RcaReceived) -> dict[str, Any]:
    """``namespace``, ``workloads``, ``service`` … where the finding names them, beside its own facts."""
    objects = tuple(_named_objects(rca))
    found = {**_from_objects(objects), **_flag(rca)}
    return {**found, **rca.facts}


def names_object(rca: RcaReceived) -> bool:
    """Whether the finding says what it is about at all."""
    if rca.affected_systems or any(item.name and item.name.strip() for item in rca.affected_objects):
        return True
    # A namespace alone says where, not what.
    return bool(_from_objects(tuple(_named_objects(rca))).keys() - {"namespace"})


def _named_objects(rca: RcaReceived) -> Iterator[tuple[str, str, str | None]]:
    """Kind (lower case), name and namespace of each."""
    for item in rca.affected_objects:
        namespace = _valid(item.namespace)
        kind = _short(item.kind or "microservice")
        if (name := _valid(item.name)) is not None:
            yield kind, name, name if kind == "namespace" else namespace
        elif namespace is not None:
            yield "namespace", namespace, namespace
    for system in rca.affected_systems:
        if match := _PATH_LIKE.fullmatch(system.strip()):
            yield _short(match[2]), match[3], match[1]
    if rca.root_cause_category != "Kubernetes" and not rca.affected_objects:
        return
    text = f"{rca.root_cause_details} {' '.join(rca.suggested_actions)}"[:_MOST_TEXT]
    yield from _in_text(text)


def speaks_of_workloads(text: str) -> bool:
    """Whether a text names an object that only Kubernetes has, so that it is about nothing else."""
    kinds = {kind for kind, _, _ in _in_text(text[:_MOST_TEXT])}
    return not kinds.isdisjoint((*_UNMISTAKABLE, "pod"))


def _in_text(text: str) -> Iterator[tuple[str, str, str | None]]:
    """What running text names beyond doubt: quoted or hyphenated beside a kind, or in a place for names."""
    for match in _NAMESPACE.finditer(text):
        if name := _valid(next(filter(None, match.groups())).lower()):
            yield "namespace", name, name
    yield from _plainly_named(text)
    for match in _NAME_THEN_KIND.finditer(text):
        if (name := _valid((match[1] or match[2]).lower())) and match[3].casefold() != "namespace":
            yield _short(match[3]), name, None
    for match in _KIND_THEN_NAME.finditer(text):
        if (name := _valid((match[2] or match[3]).lower())) and match[1].casefold() != "namespace":
            yield _short(match[1]), name, None


def _plainly_named(text: str) -> Iterator[tuple[str, str, str | None]]:
    """``pod shop/cart-0``, ``deployment=cart``, ``deployment named cart``, ``in namespace shop`` …"""
    for match in _PLAIN_NAMESPACE.finditer(text):
        if name := _plain(next(filter(None, match.groups()))):
            yield "namespace", name, name
    for match in _NAMESPACE_THEN_NAME.finditer(text):
        namespace, name = _plain(match[2]), _plain(match[3])
        if namespace and name:
            yield _short(match[1]), name, namespace
    for match in _NAMED.finditer(text):
        kind, told = filter(None, match.groups())
        if (name := _plain(told)) and kind.casefold() != "namespace":
            yield _short(kind), name, None


def _plain(told: str) -> str | None:
    name = _valid(told.lower().rstrip(".-"))
    return None if name in _NO_NAMES else name


def _from_objects(objects: Sequence[tuple[str, str, str | None]]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    workloads: list[str] = []
    for kind, name, namespace in objects:
        if namespace is not None:
            facts.setdefault("namespace", namespace)
        if (workload := _workload(kind, name)) is not None:
            workloads.append(workload)
        if kind in _CHAOS:
            facts.setdefault("chaos_kind", kind)
            facts.setdefault("chaos_experiment", name)
        if kind in _POLICIES:
            facts.setdefault("policy_kind", kind)
            facts.setdefault("policy", name)
        if kind == "microservice":
            facts.setdefault("service", name)
        elif kind != "namespace":
            facts.setdefault(kind, name)
    # One script is for one namespace; what another one holds is another finding.
    if len({namespace for _, _, namespace in objects if namespace is not None}) > 1:
        workloads = [
            workload
            for workload, (_, _, namespace) in zip(
                (_workload(kind, name) for kind, name, _ in objects), objects, strict=True
            )
            if workload is not None and namespace in (None, facts["namespace"])
        ]
    if workloads:
        facts["workloads"] = list(dict.fromkeys(workloads))[:20]
        facts["workload"] = facts["workloads"][0]
    return facts


def _workload(kind: str, name: str) -> str | None:
    if kind in _WORKLOADS:
        return f"{kind}/{name}"
    if kind == "microservice":
        return f"deployment/{name}"
    if kind == "pod" and (match := _POD_OF_DEPLOYMENT.fullmatch(name)):
        return f"deployment/{match[1]}"
    if kind == "pod" and (match := _POD_OF_STATEFULSET.fullmatch(name)):
        return f"statefulset/{match[1]}"
    return None


def _flag(rca: RcaReceived) -> dict[str, str]:
    """The feature flag that the finding is about; a fault named like one goes before the prose."""
    if (
        "eature" not in rca.root_cause_details
        or "feature flag" not in rca.root_cause_details.casefold().replace("-", " ")
    ):
        return {}
    fault = rca.facts.get("fault")
    if isinstance(fault, str) and _IDENTIFIER.fullmatch(fault):
        return {"flag": fault}
    match = _FLAG.search(rca.root_cause_details[:_MOST_TEXT])
    return {"flag": match[1] or match[2]} if match else {}


def facts_from_arguments(arguments: Any) -> tuple[dict[str, Any], tuple[AffectedObject, ...]]:
    """What nested data of a detector says: plain values by their dotted name, and the objects in it."""
    facts: dict[str, Any] = {}
    objects: list[AffectedObject] = []
    _gather(arguments, "", facts, objects, depth=0)
    return facts, tuple(objects[:20])


def _gather(value: Any, path: str, facts: dict[str, Any], objects: list[AffectedObject], depth: int) -> None:
    if depth > 8 or len(facts) >= 40:
        return
    if isinstance(value, list):
        for item in value[:20]:
            _gather(item, path, facts, objects, depth + 1)
    elif isinstance(value, Mapping):
        metadata = value.get("metadata")
        if isinstance(value.get("kind"), str) and isinstance(metadata, Mapping):
            named = {key: metadata.get(key) for key in ("name", "namespace")}
            objects.append(AffectedObject.model_validate({"kind": value["kind"], **named}))
            return
        for key, inner in value.items():
            _gather(inner, f"{path}.{key}" if path else str(key), facts, objects, depth + 1)
    elif isinstance(value, (str, int, float)) and len(str(value)) <= 2_000 and len(path) <= 100:
        # ``{"container": {"name": "api"}}`` is the container api.
        facts.setdefault(path.removesuffix(".name"), value)


def _short(kind: str) -> str:
    lowered = kind.strip().casefold().partition(".")[0]
    return _SHORT.get(lowered, lowered)


def _valid(name: str | None) -> str | None:
    return name if name is not None and len(name) <= 253 and _IS_NAME.fullmatch(name) else None
