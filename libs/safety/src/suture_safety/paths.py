"""Classes of paths, by name: what rules mean by a system root, a device, a credential."""

from __future__ import annotations

import re
from typing import Any

from suture_safety.bash.values import emptied, normal_path


def compile_classes(data: dict[str, Any]) -> dict[str, re.Pattern[str]]:
    """Regular expressions over whole, normal paths."""
    return {
        name: re.compile("|".join(f"(?:{one})" for one in patterns))
        for name, patterns in data["classes"].items()
    }


def in_class(pattern: re.Pattern[str], path: str) -> bool:
    return pattern.fullmatch(path) is not None


def when_empty(path: str) -> str:
    """The path as it is when every part of it that may be empty is empty."""
    return normal_path(emptied(path)) if path else path


def covered(path: str, declared: tuple[str, ...]) -> bool:
    """Whether a path is one of the declared ones, or lies below one."""
    return any(path == one or path.startswith(one.rstrip("/") + "/") for one in declared)
