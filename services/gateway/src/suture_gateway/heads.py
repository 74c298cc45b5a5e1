"""Signs the journal's head now and then, so that its tail cannot be cut or rewritten unnoticed."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError, PyMongoError
from suture_chassis.custody import Signer, message_pae
from suture_chassis.custody.audit import HEAD_TYPE
from suture_chassis.custody.chain import Head


class Logger(Protocol):
    def warning(self, event: str, **values: Any) -> Any: ...


class HeadSigner:
    """Stores ``{_id: seq, statement, keyid, signature}``; ``statement`` is the signed JSON text."""

    def __init__(
        self,
        heads: AsyncCollection[dict[str, Any]],
        signer: Signer,
        head: Callable[[], Head | None],
        *,
        seconds: float,
        log: Logger,
    ) -> None:
        self._heads = heads
        self._signer = signer
        self._head = head
        self._seconds = seconds
        self._log = log
        self._signed = 0

    async def run(self) -> None:
        """Sign every few seconds, where the head moved; runs until cancelled."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.sign()
            except PyMongoError as error:
                self._log.warning("the journal's head could not be signed", error=str(error)[:500])

    async def sign(self) -> None:
        """Sign the head as it is, unless that was done."""
        head = self._head()
        if head is None or head.seq == self._signed:
            return
        statement = json.dumps({"seq": head.seq, "digest": head.digest, "at": datetime.now(UTC).isoformat()})
        signature = self._signer.sign(message_pae(HEAD_TYPE, statement.encode()))
        document = {
            "_id": head.seq,
            "statement": statement,
            "keyid": self._signer.keyid,
            "signature": base64.b64encode(signature).decode(),
        }
        try:
            await self._heads.insert_one(document)
        except DuplicateKeyError:
            pass  # another instance signed it, or this one before it was restarted
        self._signed = head.seq
