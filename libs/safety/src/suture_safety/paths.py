"""Classes of paths, by name: what rules mean by a system root, a device, a credential."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from suture_safety.bash.values import emptied, normal_path

_MAX_REMEMBERED_PATHS = 4_096
_MAX_REMEMBERED_CHARACTERS = 256


class PathClasses:
    """The classes of ``rules/paths.yaml``: regular expressions over whole, normal paths."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._beside_absolute: dict[str, re.Pattern[str]] = {}
        for name, patterns in data["classes"].items():
            pattern = re.compile("|".join(f"(?:{one})" for one in patterns))
            self._patterns[name] = pattern
            if not all(one.startswith("/") for one in patterns):
                self._beside_absolute[name] = pattern
        # Scripts name the same few paths again and again, and a path may be asked about by several rules.
        self._remembered = lru_cache(_MAX_REMEMBERED_PATHS)(self._classify)

    def of(self, path: str) -> frozenset[str]:
        """The names of all classes that the path is in; of most there is none."""
        if len(path) > _MAX_REMEMBERED_CHARACTERS:
            return self._classify(path)
        return self._remembered(path)

    def _classify(self, path: str) -> frozenset[str]:
        patterns = self._patterns if path.startswith("/") else self._beside_absolute
        return frozenset(name for name, pattern in patterns.items() if pattern.fullmatch(path))


def when_empty(path: str) -> str:
    """The path as it is when every part of it that may be empty is empty."""
    return normal_path(emptied(path)) if path else path


def covered(path: str, declared: tuple[str, ...]) -> bool:
    """Whether a path is one of the declared ones, or lies below one."""
    return any(path == one or path.startswith(one.rstrip("/") + "/") for one in declared)
