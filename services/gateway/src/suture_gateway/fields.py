"""Parts of events as the fold stores them."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import to_json
from suture_contracts.base import Principal, Value
from suture_contracts.events import (
    Finding,
)
from suture_contracts.report import Report
from suture_contracts.target import Target

Fields = dict[str, tuple[int, dict[str, Any]]]
States = list[tuple[str, int] | tuple[str, int, int]]


def text_of(value: Value | Report) -> str:
    # Kept as JSON text: hostile keys ("$where", "a.b") stay data, and the store has nothing to take apart.
    return to_json(value).decode()


def finding_of(finding: Finding) -> dict[str, Any]:
    return {
        "reference": finding.reference,
        "category": finding.category,
        "severity": finding.severity,
        "finding_json": text_of(finding),
    }


def principal_of(principal: Principal | None) -> dict[str, str] | None:
    return None if principal is None else {"id": principal.id, "role": principal.role}


def ids_of(targets: tuple[Target, ...]) -> list[str]:
    return [target.id for target in targets]


def script_type_of(document: str) -> str | None:
    """The type that a script claims; the document may be anything, the validator judges it."""
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError):
        return None
    claimed = parsed.get("script_type") if isinstance(parsed, dict) else None
    return claimed if isinstance(claimed, str) else None
