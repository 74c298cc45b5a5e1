"""What models were asked, what they said and what it cost, kept over restarts and shared by replicas."""

from __future__ import annotations

from datetime import UTC, datetime

from suture_chassis.store import Store
from suture_contracts import ids
from suture_generation.authoring import Authored

SPENDING = "generation_spending"
TEXTS = "generation_texts"


class StoredSpending:
    """One document a day, and one a batch with a budget: ``_id`` is its name, with ``tokens`` and ``usd``."""

    def __init__(self, store: Store) -> None:
        self._collection = store.collection(SPENDING)

    async def of(self, name: str) -> tuple[int, float]:
        document = await self._collection.find_one({"_id": name}) or {}
        return int(document.get("tokens", 0)), float(document.get("usd", 0.0))

    async def add(self, name: str, tokens: int, usd: float) -> None:
        spent = {"$inc": {"tokens": tokens, "usd": usd}}
        await self._collection.update_one({"_id": name}, spent, upsert=True)


def account_of(budget_id: str) -> str:
    """The name of a batch's document, which is no day's."""
    return f"batch:{budget_id}"


class Texts:
    """Conversations and answers under the digests that ``script.generated`` names, for the audit.

    They are what left the house: redacted before they were sent.
    """

    def __init__(self, store: Store) -> None:
        self._collection = store.collection(TEXTS)

    async def keep(self, authored: Authored) -> tuple[str, str]:
        """The digests of conversation and answer; the same text is kept once."""
        return (
            await self._keep("prompt", authored.prompt),
            await self._keep("answer", authored.completion.content),
        )

    async def _keep(self, kind: str, text: str) -> str:
        digest = ids.sha256(text.encode())
        kept = {"kind": kind, "text": text, "at": datetime.now(UTC)}
        await self._collection.update_one({"_id": digest}, {"$setOnInsert": kept}, upsert=True)
        return digest
