"""Changing objects and taking that back: only while they are as they were seen, or as this run left them."""

from __future__ import annotations

import base64
import json
import re
import time
import zlib

from suture_sandbox.runner.cluster.api import APPLY, Api, Refused, object_path
from suture_sandbox.runner.cluster.claim import LABELS
from suture_sandbox.runner.cluster.objects import (
    CREATED_BY,
    MANAGER,
    TAKES_OVER,
    UNTOUCHABLE,
    digest,
    key,
    restored,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from suture_sandbox.runner.cluster.objects import Object

_MOST_SNAPSHOT = 900_000
_GONE_SECONDS = 60.0
_ATTEMPTS = 8
_CONFLICT = re.compile(r'conflict with "([^"]+)"')


class Drift(Exception):
    """Someone else changed an object meanwhile; the argument says which."""


class NotApplicable(Exception):
    """The server or this runner refuses the change before anything is changed; the argument says why."""


class Item:
    """One object that may be changed: where it is, and what it shall be (``None``: a script changes it)."""

    def __init__(self, name: str, path: str, wanted: Object | None = None) -> None:
        self.name = name
        self.path = path
        self.collection = path.rpartition("/")[0]
        self.wanted = wanted
        self.force = False


def located(api: Api, manifest: Object, namespace: str) -> Item:
    """Ask the server what it calls the manifest's kind. Raises ``NotApplicable``."""
    kind, version = manifest["kind"], manifest["apiVersion"]
    known = api.resource(version, kind)
    if known is None:
        raise NotApplicable(f"{key(manifest)}: the server has no {kind} in {version}")
    if not known["namespaced"] or kind in UNTOUCHABLE:
        raise NotApplicable(f"{key(manifest)}: a {kind} is never changed")
    return Item(
        key(manifest), object_path(version, known["name"], namespace, manifest["metadata"]["name"]), manifest
    )


def declared(path: str, namespace: str) -> Item:
    """What a script declares to write: an object's path in the API. Raises ``NotApplicable``."""
    parts = path.strip("/").split("/")
    places = {"api": 2, "apis": 3}
    first = places.get(parts[0], 0)
    if not first or parts[first : first + 2] != ["namespaces", namespace] or len(parts) != first + 4:
        raise NotApplicable(
            f"{path}: declare /api/v1/namespaces/{namespace}/RESOURCE/NAME, or the same below /apis"
        )
    if parts[first + 2] == "persistentvolumeclaims":
        raise NotApplicable(f"{path}: a PersistentVolumeClaim is never changed")
    return Item(path, path)


def dry_run(api: Api, item: Item, before: Object | None, claim: str) -> Object:
    """What the server would make of it. Raises ``NotApplicable``, with who owns what is in conflict."""
    try:
        return _send(api, item, before, claim, dryRun="All")
    except Refused as refused:
        owners = [_CONFLICT.search(cause.get("message", "")) for cause in refused.causes()]
        names = {found.group(1) for found in owners if found}
        allowed = {MANAGER, *_takes_over(item)}
        if refused.status == 409 and names and names <= allowed:
            item.force = True
            return _send(api, item, before, claim, dryRun="All")
        fields = ", ".join(sorted({cause.get("field", "") for cause in refused.causes()}))[:500]
        if refused.status == 409 and names:
            raise NotApplicable(
                f"{item.name}: {fields} belongs to {', '.join(sorted(names))}; change it there, or name that"
                f" manager in the manifest's annotation {TAKES_OVER}"
            ) from None
        raise NotApplicable(f"{item.name}: {refused}") from None


def put(api: Api, item: Item, before: Object | None, claim: str, planned: str) -> Object:
    """Apply for real, on exactly what was seen before. Raises ``Drift``, ``Refused``, ``Unreachable``."""
    for _ in range(_ATTEMPTS):
        try:
            return _send(api, item, before, claim)
        except Refused as refused:
            if refused.status != 409:
                raise
        now = api.find(item.path)
        # Its answer was lost: it is done. Else only the status moved: once more on the newer version.
        if now is not None and (digest(now) == planned or _created_by(now) == claim):
            return now
        if before is None or now is None or digest(now) != digest(before):
            break
        before = now
    raise Drift(item.name)


def _send(api: Api, item: Item, before: Object | None, claim: str, **query: str) -> Object:
    wanted: Object = json.loads(json.dumps(item.wanted))
    annotations = wanted["metadata"].get("annotations") or {}
    annotations.pop(TAKES_OVER, None)
    if annotations or "annotations" in wanted["metadata"]:
        wanted["metadata"]["annotations"] = annotations
    query["fieldManager"] = MANAGER
    if before is None:
        # Not an apply, which would also adopt what someone else makes meanwhile.
        wanted["metadata"].setdefault("annotations", {})[CREATED_BY] = claim
        return api.call("POST", item.collection, wanted, query=query)
    wanted["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
    return api.call("PATCH", item.path, wanted, APPLY, {**query, "force": "true" if item.force else "false"})


def _takes_over(item: Item) -> list[str]:
    annotations = ((item.wanted or {}).get("metadata") or {}).get("annotations") or {}
    return [name.strip() for name in str(annotations.get(TAKES_OVER, "")).split(",") if name.strip()]


def _created_by(item: Object) -> str:
    return str((item["metadata"].get("annotations") or {}).get(CREATED_BY, ""))


def keep(api: Api, namespace: str, name: str, before: dict[str, Object | None]) -> str:
    """Store what was there, beside the target, and say where. A Secret where one of them is a Secret."""
    text = base64.b64encode(zlib.compress(json.dumps(before).encode(), 9)).decode()
    if len(text) > _MOST_SNAPSHOT:
        raise NotApplicable("the objects are larger than a snapshot may be; change fewer of them")
    secret = any(item is not None and item["kind"] == "Secret" for item in before.values())
    kind, resource, field = (
        ("Secret", "secrets", "stringData") if secret else ("ConfigMap", "configmaps", "data")
    )
    metadata = {"name": name, "labels": LABELS}
    kept = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": metadata,
        "immutable": True,
        field: {"objects": text},
    }
    try:
        api.call("POST", object_path("v1", resource, namespace), kept)
    except Refused as refused:
        if refused.status != 409:
            raise
    return f"{kind.lower()}/{name}"


def kept(api: Api, namespace: str, where: str) -> dict[str, Object | None]:
    """What ``keep`` stored."""
    kind, _, name = where.partition("/")
    found = api.get(object_path("v1", f"{kind}s", namespace, name))
    text = found["data"]["objects"]
    packed = base64.b64decode(base64.b64decode(text) if kind == "secret" else text)
    return dict(json.loads(zlib.decompress(packed)))


def restore(
    api: Api,
    items: list[Item],
    before: dict[str, Object | None],
    ours: dict[str, set[str]] | None,
    claim: str,
) -> None:
    """Bring every item back; ``ours`` gives the digests that this run may have left, ``None`` any.

    Looks at all before it changes one; raises ``Drift`` where one is neither as it was nor as it was left.
    """
    away: list[Item] = []
    drifted: list[str] = []
    for item in items:
        now, old = api.find(item.path), before[item.name]
        if digest(now) == digest(old):
            continue
        away.append(item)
        mine = ours is None or digest(now) in ours.get(item.name, set())
        if not mine and not (old is None and now is not None and _created_by(now) == claim):
            drifted.append(item.name)
    if drifted:
        raise Drift(", ".join(drifted))
    for item in reversed(away):
        _bring_back(api, item, before[item.name])
    left = [item.name for item in away if digest(api.find(item.path)) != digest(before[item.name])]
    if left:
        raise Drift(f"{', '.join(left)} (still different after the restore)")


def _bring_back(api: Api, item: Item, old: Object | None) -> None:
    now = api.find(item.path)
    seen = digest(now)
    for _ in range(_ATTEMPTS):
        try:
            if old is None:
                _delete(api, item, now)
            elif now is None:
                api.call("POST", item.collection, restored(old, None), query={"fieldManager": MANAGER})
            else:
                api.call("PUT", item.path, restored(old, now), query={"fieldManager": MANAGER})
            return
        except Refused as refused:
            if refused.status not in (404, 409):
                raise
        now = api.find(item.path)
        if digest(now) == digest(old):
            return
        if digest(now) != seen:
            break
    raise Drift(item.name)


def _delete(api: Api, item: Item, now: Object | None) -> None:
    if now is None:
        return
    options = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Foreground",
        "preconditions": {"uid": now["metadata"]["uid"]},
    }
    api.call("DELETE", item.path, options)
    until = time.monotonic() + _GONE_SECONDS
    while (found := api.find(item.path)) is not None and found["metadata"]["uid"] == now["metadata"]["uid"]:
        if time.monotonic() > until:
            raise Drift(f"{item.name} (deleted, but it does not go)")
        time.sleep(0.3)
