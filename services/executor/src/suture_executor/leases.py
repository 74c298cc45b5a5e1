"""Runs that agents carry out: offered, taken under a lease that is renewed, ended by a signed result."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from suture_chassis.custody import Signer, TrustStore
from suture_chassis.documents import Documents
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_contracts.base import Reply
from suture_contracts.commands import EndLease, RenewLease, TakeLease
from suture_contracts.target import Target
from suture_sandbox.protocol import RunPlan, RunResult

from suture_executor.executions import Document, utc_now
from suture_executor.lease_statements import bundle_of, signed_result
from suture_executor.told import Told

OPEN = ("offered", "taken")
"""The states in which a run may still be carried out; ``ended``, ``withdrawn`` and ``lost`` are for good."""


class Leases:
    """One document a run, whose id is derived: a run is offered once, whoever asks how often."""

    def __init__(
        self,
        documents: Documents,
        collection: AsyncCollection[dict[str, Any]],
        find: Callable[[str], Target | None],
        signer: Signer,
        trust: TrustStore,
        seconds: float,
    ) -> None:
        self._documents = documents
        self._collection = collection
        self._find = find
        self._signer = signer
        self._trust = trust
        self.seconds = seconds
        self.changed = asyncio.Event()
        self.asked_at: dict[str, datetime] = {}
        self.told = Told()

    async def prepare(self) -> None:
        await self._collection.create_index([("target", 1), ("state", 1)])

    async def offer(self, plan: RunPlan, execution: Document, owner: str, until: datetime) -> None:
        """Offer a run to its target's owner until then; nothing happens where it was offered before."""
        document = {
            "_id": plan.run_id,
            "state": "offered",
            "target": plan.target,
            "agent": owner,
            "sha256": execution["sha256"],
            "script_id": execution["script_id"],
            "revision": execution["revision"],
            "approval_id": execution.get("approval_id"),
            "plan": plan.model_dump(mode="json", include={"execution_id", "mode", "reason"}),
            "longest": 3 * plan.limits.timeout_seconds,
            "until": until,
            "home": await self._home_of(plan) if plan.mode == "rollback" else None,
            "token": None,
            "expires_at": None,
            "taken_at": None,
            "abort": False,
            "at": utc_now(),
            **execution["statements"],
        }
        try:
            await self._documents.insert(document)
        except Conflict:
            return  # offered before: it is adopted

    async def take(self, received: Received[TakeLease]) -> Reply:
        """Give the oldest run of a target to its agent; what was begun in one home goes on there alone."""
        command = received.message
        target = self._find(command.target_id)
        if target is None or target.owner != command.principal.id:
            raise PermanentError(
                f"{command.target_id} is no target of {command.principal.id}",
                field="target_id",
                remedy="register it as your own, of kind host and without reach",
                status=403,
            )
        self.asked_at[target.id] = utc_now()
        found = await self._next(target, command.home)
        if found is None:
            return Reply(status=200, body={"bundle": None})
        token = hashlib.sha256(f"{found['_id']} {command.command_id}".encode()).hexdigest()[:32]
        change = {
            "state": "taken",
            "token": token,
            "home": command.home,
            "expires_at": self._lapse(),
            "taken_at": found["taken_at"] or utc_now(),
        }
        guard = {"state": found["state"], "token": found["token"]}
        await self._documents.update(found["_id"], guard=guard, change={"$set": change}, cause=received)
        bundle = bundle_of({**found, **change}, self._signer, self.seconds)
        body = {"bundle": bundle.model_dump(mode="json"), "watched": self.told.watched(found["_id"])}
        return Reply(status=200, body=body)

    async def renew(self, received: Received[RenewLease]) -> Reply:
        """Whoever holds the lease goes on holding it, and hears whether it shall end its run."""
        command = received.message
        document = await self._held(command.run_id, command.token, command.principal.id)
        await self._documents.update(
            command.run_id,
            guard={"state": "taken", "token": command.token},
            change={"$set": {"expires_at": self._lapse()}},
            cause=received,
        )
        body = {
            "run_id": command.run_id,
            "seconds": self.seconds,
            "abort": document["abort"],
            "watched": self.told.watched(command.run_id),
            "progress_taken": self.told.take(command.run_id, command.progress_start, command.progress),
        }
        return Reply(status=200, body=body)

    async def end(self, received: Received[EndLease]) -> Reply:
        """Take the result of a run from whoever holds its lease, signed with the agent's own key."""
        command = received.message
        document = await self.get(command.run_id)
        if document is not None and (document["state"], document["token"]) == ("ended", command.token):
            return Reply(status=200, body=_recorded(document))  # told again
        document = await self._held(command.run_id, command.token, command.principal.id)
        result = signed_result(document, command.result, self._trust)
        keyid = command.result.signatures[0].keyid
        said = f"by the agent {document['agent']} on its own machine; result signed with key {keyid}"
        result = result.model_copy(update={"isolation": (*result.isolation[:20], said)})
        change = {
            "state": "ended",
            "result": result.model_dump_json(),
            "statement": command.result.model_dump(mode="json"),
        }
        await self._documents.update(
            command.run_id,
            guard={"state": "taken", "token": command.token},
            change={"$set": change},
            cause=received,
        )
        self._tell()
        return Reply(status=200, body=_recorded({**document, **change}))

    async def get(self, run_id: str) -> Document | None:
        return await self._documents.get(run_id)

    async def close(self, document: Document, state: str) -> bool:
        """End a run as ``withdrawn`` or ``lost``, where it still is as it was seen."""
        guard = {name: document[name] for name in ("state", "token", "expires_at")}
        try:
            await self._documents.update(document["_id"], guard=guard, change={"$set": {"state": state}})
        except Conflict:
            return False
        return True

    async def abort(self, run_id: str) -> None:
        """What nobody took is withdrawn; whoever holds the lease hears it when they renew it."""
        document = await self.get(run_id)
        if document is None or document["state"] not in OPEN:
            return
        if document["state"] == "offered" and await self.close(document, "withdrawn"):
            self._tell()
            return
        try:
            await self._documents.update(run_id, guard={"state": "taken"}, change={"$set": {"abort": True}})
        except Conflict:
            return  # it ended meanwhile

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def _lapse(self) -> datetime:
        return utc_now() + timedelta(seconds=self.seconds)

    async def _home_of(self, plan: RunPlan) -> str | None:
        """Where the run was made that is to be taken back."""
        applied = await self.get(f"{plan.run_id.removesuffix('rollback')}apply")
        return applied["home"] if applied else None

    async def _next(self, target: Target, home: str) -> Document | None:
        mine = {"target": target.id, "agent": target.owner, "home": {"$in": [None, home]}}
        try:
            found = self._collection.find(
                {**mine, "state": {"$in": list(OPEN)}}, {"inbox": 0, "outbox": 0}
            ).sort("at", 1)
            async for document in found:
                if document["state"] == "taken" or document["until"] > utc_now():
                    return document
        except PyMongoError as error:
            raise TemporaryError(f"the store did not answer: {type(error).__name__}") from error
        return None

    async def _held(self, run_id: str, token: str, agent: str) -> Document:
        document = await self.get(run_id)
        if document is None or document["agent"] != agent:
            raise PermanentError("there is no such run of yours", field="run_id", status=404)
        lapsed = document["state"] == "taken" and document["expires_at"] < utc_now()
        if document["state"] != "taken" or document["token"] != token or lapsed:
            state = "lapsed" if lapsed else document["state"].replace("taken", "taken anew")
            raise Conflict(
                f"the lease counts no more: the run is {state}",
                current={"run_id": run_id, "state": state},
                field="token",
                remedy="ask for it again, from the machine that began it",
            )
        return document


def _recorded(document: Document) -> dict[str, Any]:
    return {
        "run_id": document["_id"],
        "outcome": RunResult.model_validate_json(document["result"]).outcome,
    }
