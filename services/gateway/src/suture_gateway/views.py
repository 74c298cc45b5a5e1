"""What callers see of a remediation. Pure: stored document in, JSON-ready dict out."""

from __future__ import annotations

from typing import Any

from suture_gateway.reading import Document, loads, parts_of, reason_of, state_of, states_of, time_text


def remediation_summary(document: Document) -> dict[str, Any]:
    """One remediation without its big texts."""
    execution = document.get("execution") or {}
    approval = document.get("approval") or {}
    script = document.get("script") or {}
    about = script or document.get("analysis") or document.get("received") or {}
    return {
        "remediation_id": document["_id"],
        "state": state_of(document),
        "states": states_of(document),
        "script_id": document["script_id"],
        "revision": script.get("revision"),
        "approval_id": approval.get("approval_id"),
        "execution_id": execution.get("execution_id"),
        "reference": about.get("reference"),
        "category": about.get("category"),
        "severity": about.get("severity"),
        "targets": script.get("targets", []),
        "count": (document.get("storm") or {}).get("count", 1),
        "created_at": time_text(document.get("created")),
        "updated_at": time_text(document.get("updated")),
    }


def remediation_view(document: Document) -> dict[str, Any]:
    """One remediation with all that is known of it."""
    analysis = document.get("analysis") or {}
    script = document.get("script") or {}
    finding = loads(script.get("finding_json") or analysis.get("finding_json"))
    view = remediation_summary(document)
    view["finding"] = finding or _plain(document.get("received"))
    view["analysis"] = _plain(analysis)
    view["script"] = _script(document)
    view["report"] = _opened(document.get("report"), "report_json")
    view["confidence"] = _opened(document.get("confidence"), "confidence_json")
    view["approval"] = _plain(document.get("approval"))
    view["approved"] = _plain(document.get("granted"))
    view["denied"] = _plain(document.get("denial"))
    view["rehearsal"] = _plain(document.get("rehearsal"))
    view["execution"] = _plain(document.get("execution"))
    view["runs"] = loads((document.get("execution") or {}).get("runs_json")) or []
    view["rollback"] = _rollback(document)
    view["failure"] = _plain(document.get("failure"))
    view["error"] = reason_of(document)
    return view


def _plain(value: Document | None) -> dict[str, Any] | None:
    if not value:
        return None
    return {
        name: content
        for name, content in value.items()
        if name not in ("order", "event") and not name.endswith("_json")
    }


def _opened(value: Document | None, name: str) -> dict[str, Any] | None:
    if not value:
        return None
    return {**_plain(value), **loads(value[name])}  # type: ignore[dict-item]


def _script(document: Document) -> dict[str, Any] | None:
    script = document.get("script")
    if not script:
        return None
    return {**(_plain(script) or {}), "document": script["document"], **parts_of(script["document"])}


def _rollback(document: Document) -> dict[str, Any] | None:
    requested, ran = document.get("rollback_request"), document.get("rollback")
    if not requested and not ran:
        return None
    runs = loads((ran or {}).get("runs_json")) or []
    return {"requested": _plain(requested), "execution": _plain(ran), "runs": runs}
