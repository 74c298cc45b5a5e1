"""What a supervisor's key may do: decide on scripts and write templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent_sdk.transport import BASE, Transport, part


class Supervision:
    """The part of the SDK for supervisors; an agent's own key reads, and is refused (403) the rest."""

    transport: Transport

    def approve_script(
        self,
        script_id: str,
        *,
        reason: str = "",
        revision: int | None = None,
        digest: str | None = None,
    ) -> dict[str, Any]:
        """Approve a script. → ``{id, approvalId, status, approvals, approversRequired}``

        Without ``revision`` and ``digest`` the script is read first and approved as it was read; give them to
        approve exactly what was looked at. Raises ``ConflictError`` when it changed meanwhile.
        """
        return self._decide("approve", script_id, reason, revision, digest)

    def deny_script(
        self,
        script_id: str,
        *,
        reason: str = "",
        revision: int | None = None,
        digest: str | None = None,
    ) -> dict[str, Any]:
        """Deny a script; as ``approve_script``."""
        return self._decide("deny", script_id, reason, revision, digest)

    def list_templates(self) -> list[dict[str, Any]]:
        """The newest revision of every template."""
        return list(self.transport.get(f"{BASE}/templates")["templates"])

    def create_template(self, template: Mapping[str, Any]) -> dict[str, Any]:
        """Add a template; with a supervisor's key."""
        return self.transport.ask("POST", f"{BASE}/templates", body=dict(template))

    def update_template(self, template_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Write a template's next revision; with a supervisor's key."""
        return self.transport.ask("PUT", f"{BASE}/templates/{part(template_id)}", body=dict(changes))

    def delete_template(self, template_id: str) -> dict[str, Any]:
        """Remove a template; with a supervisor's key."""
        return self.transport.ask("DELETE", f"{BASE}/templates/{part(template_id)}")

    def _decide(
        self, verb: str, script_id: str, reason: str, revision: int | None, digest: str | None
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"revision": revision, "digest": digest, "reason": reason}
        if revision is None or digest is None:
            script = self.transport.get(f"{BASE}/scripts/{part(script_id)}")
            body["revision"] = script["revision"] if revision is None else revision
            body["digest"] = script["digest"] if digest is None else digest
            if script.get("approval") and revision in (None, script["revision"]):
                body["approvalId"] = script["approval"]["approvalId"]
        return self.transport.ask("POST", f"{BASE}/scripts/{part(script_id)}/{verb}", body=body)
