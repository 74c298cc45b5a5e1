"""The demo's calls of the HTTP API and of the broker: what a detector, an operator and a supervisor do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import aio_pika
import httpx
from suture_contracts import ids
from suture_contracts.events import ApprovalRequested
from suture_contracts.findings import RcaReceived
from suture_contracts.topology import EVENTS_EXCHANGE

from suture_cli.demo.examples import Example
from suture_cli.failures import refused

_WAIT_SECONDS = 20
_SCRIPTS = "/api/generative-remediation/scripts"


class DemoApi:
    """Speaks as operator and as supervisor, by their tokens."""

    def __init__(self, api_url: str, tokens: Mapping[str, str], broker_url: str) -> None:
        self._broker_url = broker_url
        self._tokens = tokens
        self._http = httpx.AsyncClient(base_url=api_url, timeout=_WAIT_SECONDS + 30, trust_env=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def register(self, target: dict[str, Any]) -> None:
        await self._call("POST", "/api/targets", body=target)

    async def submit(self, example: Example) -> str:
        """Sends the example's finding the way that it says; returns the remediation's id."""
        if example.event is not None:
            return await self._publish(example)
        path = "/api/findings" if example.finding is not None else "/api/vulnerabilities"
        reply = await self._call("POST", path, body=example.finding or example.vulnerability)
        return str(reply["remediation_id"])

    async def changes(self, remediation_id: str) -> AsyncIterator[dict[str, Any]]:
        """The remediation as it is, and again whenever its state is another; never ends by itself."""
        state = ""
        while True:
            query = {"wait": str(_WAIT_SECONDS), "since": state or "received"}
            found = await self._http.get(
                f"/api/remediations/{remediation_id}", params=query, headers=self._as("operator")
            )
            if found.status_code != 404:
                document = _content(found)
                if document["state"] != state:
                    state = document["state"]
                    yield document

    async def count(self, reference: str) -> int:
        """How many remediations there are for that anomaly or vulnerability."""
        page = await self._call("GET", "/api/remediations?limit=200")
        return sum(entry.get("reference") == reference for entry in page["remediations"])

    async def approve(self, request: ApprovalRequested) -> None:
        """Approves exactly what was shown: this revision, this digest."""
        body = {
            "approvalId": str(request.approval_id),
            "revision": request.script.revision,
            "digest": request.script.sha256,
            "reason": "read in the supervisors' queue and found right",
        }
        path = f"{_SCRIPTS}/{request.script.script_id}/approve"
        answer = await self._http.post(path, json=body, headers=self._as("supervisor"))
        # A request that another one has overtaken is not this supervisor's any more.
        if answer.status_code != 409:
            _content(answer)

    async def _publish(self, example: Example) -> str:
        event = example.event
        if event is None or example.finding is None:
            raise ValueError(f"{example.name} has no event")
        message = aio_pika.Message(
            json.dumps(example.finding).encode(),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            headers={
                "cloudEvents_specversion": "1.0",
                "cloudEvents_id": event.id,
                "cloudEvents_source": event.source,
                "cloudEvents_type": RcaReceived.TYPE,
                "cloudEvents_time": datetime.now(UTC).isoformat(),
            },
        )
        async with await aio_pika.connect(self._broker_url) as connection:
            channel = await connection.channel(on_return_raises=True)
            exchange = await channel.get_exchange(EVENTS_EXCHANGE)
            for _ in range(event.deliveries):
                await exchange.publish(message, routing_key=RcaReceived.TYPE)
        return str(ids.remediation_id(event.source, event.id))

    async def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return _content(await self._http.request(method, path, json=body, headers=self._as("operator")))

    def _as(self, principal: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[principal]}"}


def _content(answer: httpx.Response) -> dict[str, Any]:
    content: dict[str, Any] = answer.json() if answer.content else {}
    if answer.status_code >= 400:
        raise refused(answer.status_code, content)
    return content
