"""Idempotency keys: the same key gets the same command id and the owner's same answer."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError
from suture_contracts.base import Reply

_KEEP_SECONDS = 7 * 24 * 3600
_MOST_REPLY_CHARACTERS = 200_000


class KeyReused(Exception):
    """The key came with another request before."""


class IdempotencyKeys:
    """Remembers for a week which request a caller's key was used for and how its owner answered."""

    def __init__(self, collection: AsyncCollection[dict[str, Any]]) -> None:
        self._collection = collection

    async def open(self) -> None:
        await self._collection.create_index([("at", ASCENDING)], expireAfterSeconds=_KEEP_SECONDS)

    async def claim(self, caller: str, key: str, request_digest: str) -> tuple[str, Reply | None]:
        """The command id for this key, and the answer where there was one. Raises ``KeyReused``."""
        name = hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()
        try:
            await self._collection.insert_one(
                {"_id": name, "request": request_digest, "at": datetime.now(UTC)}
            )
        except DuplicateKeyError:
            known = await self._collection.find_one({"_id": name})
            if known is not None and known["request"] != request_digest:
                raise KeyReused from None
            if known is not None and "reply" in known:
                return _command_id(name), Reply.model_validate_json(known["reply"])
        return _command_id(name), None

    async def remember(self, command_id: str, reply: Reply) -> None:
        """Keep an answer. What may be different next time (a refusal that passes) is not kept."""
        text = reply.model_dump_json()
        if reply.status >= 400 or len(text) > _MOST_REPLY_CHARACTERS:
            return
        await self._collection.update_one(
            {"_id": command_id.removeprefix("http-")}, {"$set": {"reply": text}}
        )


def _command_id(name: str) -> str:
    return f"http-{name}"
