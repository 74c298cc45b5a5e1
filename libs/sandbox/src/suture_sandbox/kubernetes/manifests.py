"""Manifests, read strictly: one meaning, plain data, all of it for the target's own namespace."""

from __future__ import annotations

import re
from typing import Any

import yaml

_MOST_OBJECTS = 50
_MOST_DEPTH = 60
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?")
_UNTOUCHABLE = ("PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition", "Namespace")


class _Strict(yaml.SafeLoader):
    """Refuses what two readers may read differently: repeated keys, references, keys that are no text."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ValueError(f"line {mark.line + 1}: refers to another part by an alias; write it out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise ValueError(
                    f"line {key.start_mark.line + 1}: the key {key.value!r} is no text; quote it"
                )
            if key.value in seen:
                raise ValueError(f"line {key.start_mark.line + 1}: key {key.value!r} is there twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _timestamp(loader: _Strict, node: Any) -> str:
    return str(node.value)


_Strict.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def parse(text: str, namespace: str, part: str = "body") -> list[dict[str, Any]]:
    """The objects of a text, lists unfolded. Raises ``ValueError``, which says where and what to do."""
    try:
        documents = [one for one in yaml.load_all(text, _Strict) if one is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ValueError(f"{part}: {str(error)[:500]}") from None
    objects: list[dict[str, Any]] = []
    for document in documents:
        is_list = isinstance(document, dict) and document.get("kind") == "List"
        objects += document.get("items") or [] if is_list else [document]
    if not objects:
        raise ValueError(f"{part}: holds no object; say what is to be applied")
    if len(objects) > _MOST_OBJECTS:
        raise ValueError(f"{part}: holds more than {_MOST_OBJECTS} objects; split it")
    checked = [_checked(one, number, namespace, part) for number, one in enumerate(objects)]
    names = [f"{one['kind']}/{one['metadata']['name']}" for one in checked]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{part}: {twice} is there twice; say once what it shall be")
    return checked


def _checked(item: Any, number: int, namespace: str, part: str) -> dict[str, Any]:
    where = f"{part}[{number}]"
    if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
        raise ValueError(f"{where}: is no object; give apiVersion, kind and metadata.name")
    for field in ("apiVersion", "kind"):
        if not isinstance(item.get(field), str) or not re.fullmatch(r"[\w./-]{1,200}", item[field]):
            raise ValueError(f"{where}.{field}: missing or no name")
    metadata = item["metadata"]
    if not isinstance(metadata.get("name"), str) or not _NAME.fullmatch(metadata["name"]):
        raise ValueError(f"{where}.metadata.name: missing or not a name; generateName is not taken")
    if metadata.get("namespace", namespace) != namespace:
        raise ValueError(f"{where}.metadata.namespace: is not the target's namespace {namespace}")
    if item["kind"] in _UNTOUCHABLE:
        raise ValueError(f"{where}.kind: a {item['kind']} is never changed; leave it to the cluster's admin")
    for field in ("resourceVersion", "uid", "managedFields", "ownerReferences", "finalizers"):
        if field in metadata:
            raise ValueError(f"{where}.metadata.{field}: is the server's; leave it out")
    if not isinstance(metadata.get("annotations") or {}, dict) or _depth(item) > _MOST_DEPTH:
        raise ValueError(f"{where}: is not what an object looks like")
    if part == "body":
        item.pop("status", None)
    metadata["namespace"] = namespace
    return item


def _depth(value: Any, level: int = 0) -> int:
    if level > _MOST_DEPTH or not isinstance(value, dict | list):
        return level
    inner = value.values() if isinstance(value, dict) else value
    return max((_depth(one, level + 1) for one in inner), default=level)
