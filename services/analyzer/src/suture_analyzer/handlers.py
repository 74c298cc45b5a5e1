"""Messages in, use cases called; no decisions here."""

from __future__ import annotations

from typing import Any

from suture_chassis.messages import Received
from suture_contracts import ids
from suture_contracts.base import Reply
from suture_contracts.commands import (
    Batch,
    CreateTemplate,
    DeleteTemplate,
    Generate,
    ListTemplates,
    SubmitScript,
    UpdateTemplate,
)
from suture_contracts.events import TargetRegistered, TargetRemoved, TargetUpdated
from suture_contracts.findings import RcaReceived, VulnerabilityReported

from suture_analyzer.domain import Request
from suture_analyzer.service import Analyzer
from suture_analyzer.shelf import Shelf
from suture_analyzer.targets import Targets


class Handlers:
    def __init__(self, analyzer: Analyzer, targets: Targets, shelf: Shelf) -> None:
        self._analyzer = analyzer
        self._targets = targets
        self._shelf = shelf

    async def on_rca_received(self, received: Received[RcaReceived]) -> None:
        await self._analyzer.open_remediation(Request(received.message, received.message.start), received)

    async def on_vulnerability_reported(self, received: Received[VulnerabilityReported]) -> None:
        await self._analyzer.open_remediation(Request(received.message, received.message.start), received)

    async def on_target_registered(
        self, received: Received[TargetRegistered] | Received[TargetUpdated]
    ) -> None:
        target = received.message.target
        if await self._targets.keep(target, received.message.revision, received):
            await self._analyzer.target_came(target, received)

    async def on_target_removed(self, received: Received[TargetRemoved]) -> None:
        await self._targets.forget(received.message.target_id, received.message.revision, received)

    async def on_generate(self, received: Received[Generate]) -> Reply:
        command = received.message
        message = command.finding or command.vulnerability
        assert message is not None, "the command's own validation"  # noqa: S101
        return await self._open(Request(message, command.start, command.principal), received)

    async def on_submit_script(self, received: Received[SubmitScript]) -> Reply:
        command = received.message
        return await self._open(Request(command.script, command.start, command.principal), received)

    async def _open(self, request: Request, received: Received[Any]) -> Reply:
        remediation_id = await self._analyzer.open_remediation(request, received)
        body = {"remediation_id": str(remediation_id), "script_id": str(ids.script_id(remediation_id))}
        return Reply(status=202, body=body)

    async def on_batch(self, received: Received[Batch]) -> Reply:
        return Reply(status=202, body=await self._analyzer.open_batch(received.message, received))

    async def on_list_templates(self, received: Received[ListTemplates]) -> Reply:
        templates = [template.model_dump(mode="json") for template in self._shelf.listed()]
        return Reply(status=200, body={"templates": templates})

    async def on_create_template(self, received: Received[CreateTemplate]) -> Reply:
        created = await self._shelf.create(received.message.template, received)
        return Reply(status=201, body=created.model_dump(mode="json"))

    async def on_update_template(self, received: Received[UpdateTemplate]) -> Reply:
        command = received.message
        revised = await self._shelf.update(command.template_id, command.changes, command.revision, received)
        return Reply(status=200, body=revised.model_dump(mode="json"))

    async def on_delete_template(self, received: Received[DeleteTemplate]) -> Reply:
        await self._shelf.delete(received.message.template_id, received)
        return Reply(status=200, body={"id": received.message.template_id})
