"""RabbitMQ's management API, as far as a local system needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httpx


@dataclass(frozen=True, slots=True)
class Management:
    """``url`` is the API's address; user, password and host are those of ``broker_url``."""

    url: str
    broker_url: str

    async def create_vhost(self, name: str) -> str:
        """Adds a virtual host that the user may do everything in; returns its AMQP address."""
        vhost = quote(name, safe="")
        grant = {"configure": ".*", "write": ".*", "read": ".*"}
        async with self._client() as client:
            (await client.put(f"/api/vhosts/{vhost}")).raise_for_status()
            path = f"/api/permissions/{vhost}/{quote(self._credentials[0], safe='')}"
            (await client.put(path, json=grant)).raise_for_status()
        return urlsplit(self.broker_url)._replace(path=f"/{vhost}").geturl()

    async def delete_vhost(self, name: str) -> None:
        async with self._client() as client:
            await client.delete(f"/api/vhosts/{quote(name, safe='')}")

    async def queues(self, vhost: str) -> list[dict[str, Any]]:
        """Every queue of a virtual host, as the API describes it (counts lag some seconds behind)."""
        async with self._client() as client:
            answer = await client.get(f"/api/queues/{quote(vhost, safe='')}")
            answer.raise_for_status()
            found: list[dict[str, Any]] = answer.json()
            return found

    async def listens(self, port: int) -> bool:
        """Whether the node accepts connections on that port."""
        try:
            async with self._client() as client:
                answer = await client.get(f"/api/health/checks/port-listener/{port}")
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    @property
    def _credentials(self) -> tuple[str, str]:
        parts = urlsplit(self.broker_url)
        return unquote(parts.username or "guest"), unquote(parts.password or "guest")

    def _client(self) -> httpx.AsyncClient:
        # A proxy of the environment must not see requests to this machine.
        return httpx.AsyncClient(base_url=self.url, auth=self._credentials, timeout=30, trust_env=False)
