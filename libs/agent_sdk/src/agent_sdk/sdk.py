"""What an agent may ask of the system."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from agent_sdk.local import validate_locally
from agent_sdk.supervision import Supervision
from agent_sdk.transport import BASE, Transport, part

_LONGEST_WAIT = 30.0
"""Seconds that one request waits; longer waits are several requests with the same Idempotency-Key."""
_UNSETTLED = ("received", "analyzed", "generated", "refused")
"""The states in which a usable script is still being made."""
_PENDING = ("PENDING",)
_ID = re.compile(r"^[\w.:/@+~-]{1,200}$", re.ASCII)


class AgentSDK(Supervision):
    """One agent's access. Every method raises ``AgentSDKError`` when the API refuses or cannot be asked.

    ``timeout`` bounds one request, in seconds, besides what the server is asked to wait. Use it as a context
    manager, or call ``close``. An instance is for one thread at a time.
    """

    def __init__(
        self,
        agent_id: str,
        api_key: str,
        api_base_url: str,
        *,
        timeout: float = 15.0,
        retries: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not _ID.match(agent_id):
            raise ValueError("agent_id has to be 1 to 200 letters, digits or one of _ . : / @ + ~ -")
        self.agent_id = agent_id
        self._sleep = sleep
        self.transport = Transport(
            api_base_url, api_key, agent=agent_id, timeout=timeout, retries=retries, sleep=sleep
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.transport.close()

    # Registration

    def register(self, target: Mapping[str, Any]) -> dict[str, Any]:
        """Register a target ``{id, kind, reach, facts, …}`` as this agent's own. → ``{target, revision}``"""
        return self.transport.ask("POST", "/api/targets", body=dict(target))

    def register_target(
        self,
        root: str | Path,
        facts: Mapping[str, Any] | None = None,
        *,
        target_id: str | None = None,
        allowed_types: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Register a folder of this machine: scripts may change what is under ``root``, an absolute path.

        ``facts`` are what templates may rely on: paths, known-good sources, ``health_url``, ``services`` (the
        names under which findings speak of it). Its id is the agent's unless given.
        """
        target = {
            "id": target_id or self.agent_id,
            "kind": "local",
            "reach": {"root": str(root)},
            "facts": dict(facts or {}),
        }
        if allowed_types is not None:
            target["allowed_types"] = list(allowed_types)
        return self.register(target)

    def list_targets(self) -> list[dict[str, Any]]:
        """This agent's targets (with a supervisor's key every one), ``{target, revision}``."""
        return list(self.transport.get("/api/targets")["targets"])

    def remove_target(self, target_id: str | None = None) -> dict[str, Any]:
        """Forget a target, by default this agent's. → ``{id}``"""
        return self.transport.ask("DELETE", f"/api/targets/{part(target_id or self.agent_id)}")

    # Scripts

    def request_generative_remediation(
        self,
        anomaly_id: str,
        root_cause_analysis: Mapping[str, Any],
        *,
        severity: str | None = None,
        affected_systems: Sequence[str] | None = None,
        max_wait: float = 120.0,
    ) -> dict[str, Any]:
        """Ask for a script and wait until it is generated and validated, ``max_wait`` seconds at most.

        → the script; where there is none (yet), ``{id, remediationId, status}`` with ``error`` when none will
        come. Nothing runs before ``execute_script``.
        """
        body: dict[str, Any] = {"anomalyId": anomaly_id, "rootCauseAnalysis": dict(root_cause_analysis)}
        if severity is not None:
            body["severity"] = severity
        if affected_systems is not None:
            body["affectedSystems"] = list(affected_systems)
        return self._until(f"{BASE}/generate", body, max_wait, _UNSETTLED)

    def get_script(self, script_id: str) -> dict[str, Any]:
        """One script as it stands now."""
        return self.transport.get(f"{BASE}/scripts/{part(script_id)}")

    def list_scripts(
        self,
        *,
        status: str | None = None,
        category: str | None = None,
        script_type: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        """A page of scripts, newest first. → ``{scripts, total, nextCursor}``"""
        query = {
            "status": status,
            "category": category,
            "scriptType": script_type,
            "limit": limit,
            "cursor": cursor,
        }
        return self.transport.get(f"{BASE}/scripts", query)

    def validate_script(self, script_id: str) -> dict[str, Any]:
        """Have the script analysed by today's rules. → ``{id, revision, validation: {isValid, …}}``"""
        return self.transport.ask("POST", f"{BASE}/scripts/{part(script_id)}/validate")

    def validate_locally(self, text: str, script_type: str = "bash") -> dict[str, Any]:
        """Analyse a text on this machine, by the rules that the system uses; nothing is sent."""
        return validate_locally(text, script_type)

    def execute_script(self, script_id: str, *, max_wait: float = 300.0) -> dict[str, Any]:
        """Run the script once it is approved, and wait for the outcome, ``max_wait`` seconds at most.

        → ``{id, executionId, status, result: {output, error, outcome, runs}}``; ``status`` is SUCCESS,
        FAILED, ROLLED_BACK, UNKNOWN, or PENDING when it still waits (``result.error`` says for what).
        """
        return self._until(f"{BASE}/scripts/{part(script_id)}/execute", None, max_wait, _PENDING)

    def report_result(
        self,
        script_id: str,
        status: str,
        *,
        output: str = "",
        error: str = "",
        duration_seconds: float = 0.0,
        confidence: float | None = None,
    ) -> dict[str, Any]:
        """Say what this agent saw when it ran a script itself; ``status`` is SUCCESS or FAILED."""
        body: dict[str, Any] = {
            "status": status,
            "output": output,
            "error": error,
            "durationSeconds": duration_seconds,
        }
        if confidence is not None:
            body["confidence"] = confidence
        return self.transport.ask("POST", f"{BASE}/scripts/{part(script_id)}/report", body=body)

    def _until(self, path: str, body: object, max_wait: float, passing: Sequence[str]) -> dict[str, Any]:
        """Ask again, with the same key, until the answer's status is not a passing one."""
        key = uuid4().hex
        deadline = time.monotonic() + max_wait
        while True:
            left = deadline - time.monotonic()
            wait = max(0.0, min(left, _LONGEST_WAIT))
            started = time.monotonic()
            answer = self.transport.ask("POST", path, body=body, query={"wait": round(wait, 3)}, key=key)
            if answer.get("status") not in passing or time.monotonic() >= deadline:
                return answer
            # A server that does not wait must not be asked in a tight loop.
            self._sleep(max(0.0, min(1.0, deadline - time.monotonic()) - (time.monotonic() - started)))
