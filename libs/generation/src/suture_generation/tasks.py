"""Patches asked of a running system: sent now, worked on there, waited for as long as one likes.

>>> task = generate_patch_for_vulnerability.delay(vulnerability_id=123)
>>> task.get(timeout=300)["success"]

The system is named by SUTURE_API_URL and SUTURE_API_KEY. Behind its API the order travels as a command over
the broker; the same order on the same day has one effect, whoever repeats it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from suture_generation.errors import GenerationError

BATCH_PATH = "/api/vulnerabilities/batch"
_ENDED = frozenset(
    ("no_action", "generation_failed", "rejected", "validated", "awaiting_target", "awaiting_approval")
)
_WRITTEN = frozenset(
    ("validated", "awaiting_target", "awaiting_rehearsal", "awaiting_approval", "approved", "ready", "queued")
)
_LONGEST_WAIT = 20.0
_MOST_PAGES = 1_000


class TaskTimeout(TimeoutError):
    """The patch was not there in time; the work goes on, and ``get`` may be called again."""


@dataclass(frozen=True, slots=True)
class PatchTask:
    """One vulnerability's patch, on its way."""

    vulnerability_id: int | str
    remediation_id: str
    script_id: str

    def get(self, timeout: float = 300.0) -> dict[str, Any]:
        """``success``, ``patch_id``, ``confidence_score``, ``is_valid`` …; raises ``TaskTimeout``."""
        until = time.monotonic() + timeout
        with _Api() as api:
            while True:
                left = until - time.monotonic()
                document = api.remediation(self.remediation_id, max(0.0, min(_LONGEST_WAIT, left)))
                if document is not None and _is_judged(document):
                    return self._result(document)
                if left <= 0:
                    raise TaskTimeout(f"no patch for {self.vulnerability_id} within {timeout:g} s")

    def _result(self, document: dict[str, Any]) -> dict[str, Any]:
        report = document.get("report") or {}
        confidence = (document.get("confidence") or {}).get("total")
        state = document["state"]
        model = (document.get("script") or {}).get("model") or {}
        written = document.get("script_id") is not None and state not in ("no_action", "generation_failed")
        return {
            "success": written and bool(report.get("is_valid")),
            "vulnerability_id": self.vulnerability_id,
            "patch_id": self.script_id if written else None,
            "remediation_id": self.remediation_id,
            "confidence_score": None if confidence is None else round(confidence / 100, 4),
            "is_valid": bool(report.get("is_valid")),
            "safety_score": report.get("safety_score"),
            "llm_provider": model.get("provider", "none"),
            "tokens_used": model.get("input_tokens", 0) + model.get("output_tokens", 0),
            "state": state,
            "error": None if written else document.get("error"),
        }


@dataclass(frozen=True, slots=True)
class BatchTask:
    """The patches of a batch, on their way."""

    tasks: tuple[PatchTask, ...]

    def get(self, timeout: float = 300.0) -> dict[str, Any]:
        """``total``, ``succeeded``, ``failed`` and each one's ``results``; raises ``TaskTimeout``."""
        until = time.monotonic() + timeout
        results = [task.get(max(0.0, until - time.monotonic())) for task in self.tasks]
        succeeded = sum(result["success"] for result in results)
        return {
            "total": len(results),
            "succeeded": succeeded,
            "failed": len(results) - succeeded,
            "results": results,
        }


class GeneratePatchForVulnerability:
    """``delay(vulnerability_id=…)``: one patch, for a vulnerability that was reported."""

    def delay(self, vulnerability_id: int | str, llm_provider: str | None = None) -> PatchTask:
        """Raises ``GenerationError`` where no such vulnerability was reported.

        The system's own settings choose the model, whatever ``llm_provider`` expects; the result's
        ``llm_provider`` says which one wrote the patch, and ``none`` where a template sufficed.
        """
        _must_be_known(llm_provider)
        with _Api() as api:
            opened = api.batch({"vulnerability_id": str(vulnerability_id), "start": "on_request"})
        if not opened:
            raise GenerationError(
                f"no vulnerability {vulnerability_id} was reported",
                field="vulnerability_id",
                remedy="submit it first",
            )
        return PatchTask(vulnerability_id, opened[0]["remediation_id"], opened[0]["script_id"])


class GeneratePatchesForCriticalVulnerabilities:
    """``delay()``: a patch for every critical vulnerability that was reported, once a day each."""

    def delay(self, llm_provider: str | None = None, severities: Sequence[str] = ("critical",)) -> BatchTask:
        _must_be_known(llm_provider)
        with _Api() as api:
            opened = api.batch({"severities": list(severities), "start": "on_request"})
        return BatchTask(
            tuple(
                PatchTask(one["vulnerability_id"], one["remediation_id"], one["script_id"]) for one in opened
            )
        )


generate_patch_for_vulnerability = GeneratePatchForVulnerability()
generate_patches_for_critical_vulnerabilities = GeneratePatchesForCriticalVulnerabilities()


class _Api:
    """The system's HTTP API, as the environment names it."""

    def __init__(self) -> None:
        # Here, not above: who only generates needs no HTTP client.
        from agent_sdk.transport import Transport

        url, key = os.environ.get("SUTURE_API_URL", ""), os.environ.get("SUTURE_API_KEY", "")
        if not url or not key:
            raise GenerationError(
                "no running system is named",
                field="SUTURE_API_URL, SUTURE_API_KEY",
                remedy="set both in the environment",
            )
        self._transport = Transport(url, key, agent="generation-tasks", timeout=30, retries=3)

    def __enter__(self) -> _Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def batch(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        opened: list[dict[str, Any]] = []
        of_today = {**body, "day": datetime.now(UTC).date().isoformat()}
        after: str | None = None
        for _ in range(_MOST_PAGES):
            page = {**of_today, "after": after} if after else of_today
            answer = self._transport.ask("POST", BATCH_PATH, body=page)
            opened += answer["remediations"]
            after = answer.get("next")
            if after is None:
                break
        return opened

    def remediation(self, remediation_id: str, wait: float) -> dict[str, Any] | None:
        from agent_sdk.errors import NotFound

        try:
            return self._transport.get(f"/api/remediations/{remediation_id}", {"wait": round(wait, 1)})
        except NotFound:
            time.sleep(0.2)
            return None


def _is_judged(document: dict[str, Any]) -> bool:
    return document.get("state") in _ENDED | _WRITTEN or document.get("report") is not None


def _must_be_known(provider: str | None) -> None:
    from suture_generation.providers import PROVIDERS

    if provider is not None and provider not in PROVIDERS:
        raise GenerationError(
            f"unknown provider {provider[:50]!r}", field="llm_provider", remedy=f"use {', '.join(PROVIDERS)}"
        )
