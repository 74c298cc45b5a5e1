"""The store: one service's collections in one database."""

from __future__ import annotations

import asyncio
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from suture_chassis.documents import Documents, Written
from suture_chassis.errors import TemporaryError
from suture_chassis.metrics import Metrics
from suture_chassis.outbox import Outbox

__all__ = ["Documents", "Store", "Written"]


class Store:
    """One service's collections in one database.

    ``documents`` is asked for while the service is built, so that its index and what its outbox still holds
    are taken care of before the first message.
    """

    def __init__(self, url: str, database: str, outbox: Outbox, metrics: Metrics) -> None:
        # The driver's own waits are bounded below those of a message's handler.
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            url, tz_aware=True, serverSelectionTimeoutMS=5_000, connectTimeoutMS=5_000, socketTimeoutMS=20_000
        )
        self._database = self._client[database]
        self._outbox = outbox
        self._metrics = metrics
        self._documents: dict[str, Documents] = {}

    def collection(self, name: str) -> AsyncCollection[dict[str, Any]]:
        """For reads and indexes; a write past ``documents`` has neither inbox nor outbox."""
        return self._database[name]

    def documents(self, name: str, *, events: bool = True, linger: float = 0.0) -> Documents:
        """Guarded, group-committed writes to a collection.

        ``events`` says whether they have any; ``linger`` how long (seconds) a write that nobody waits for but
        its ack may wait for others to share its round trip.
        """
        if name not in self._documents:
            self._documents[name] = Documents(
                self._database[name], self._outbox, self._metrics, has_events=events, linger=linger
            )
        return self._documents[name]

    def all_documents(self) -> list[Documents]:
        return list(self._documents.values())

    async def ping(self, timeout: float = 2.0) -> None:  # noqa: ASYNC109
        """Raises ``TemporaryError`` unless the store answers in time (seconds)."""
        try:
            async with asyncio.timeout(timeout):
                await self._client.admin.command("ping")
        except (PyMongoError, TimeoutError) as error:
            raise TemporaryError(f"the store does not answer: {type(error).__name__}") from error

    async def close(self) -> None:
        for documents in self._documents.values():
            documents.close()
        await self._client.close()
