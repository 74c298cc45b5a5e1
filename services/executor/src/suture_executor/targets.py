"""The registered targets: the only things that are ever changed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from suture_chassis.errors import Conflict, PermanentError, TemporaryError
from suture_chassis.messages import Received
from suture_chassis.store import Documents
from suture_contracts.base import Principal, Reply
from suture_contracts.commands import CheckTarget, ListTargets, RegisterTarget, RemoveTarget
from suture_contracts.events import TargetRegistered, TargetRemoved, TargetUpdated
from suture_contracts.target import Target
from suture_sandbox.database import reach as database
from suture_sandbox.host import reach as host
from suture_sandbox.kubernetes import reach as kubernetes
from suture_sandbox.protocol import Reached, SandboxUnavailable
from suture_sandbox.reach import reloads_of

from suture_executor import domain
from suture_executor.sandboxes import Sandboxes

_ATTEMPTS = 5
_MOST_TARGETS = 10_000
_AGENT_KINDS = ("local", "host")
_OUTSIDE = ("reload", "sandbox", "environment")
"""What in a target's reach makes commands run outside the sandbox."""
_REACHES: dict[str, Callable[[dict[str, Any]], object]] = {
    "kubernetes": kubernetes.reach_of,
    "database": database.reach_of,
    "host": host.reach_of,
}


class Targets:
    """Kept in memory for the hot path, fresh by its own writes and by ``refresh``."""

    def __init__(
        self,
        documents: Documents,
        collection: AsyncCollection[dict[str, Any]],
        private: Sequence[Path],
        sandboxes: Sandboxes,
    ) -> None:
        self._sandboxes = sandboxes
        self._documents = documents
        self._collection = collection
        self._private = [path.resolve() for path in private]
        self._known: dict[str, tuple[Target, int]] = {}

    async def refresh(self) -> None:
        """Read all of them. Raises ``TemporaryError`` when the store is down."""
        try:
            found = await self._collection.find(
                {"state": "registered"}, {"target": 1, "revision": 1}, limit=_MOST_TARGETS
            ).to_list()
        except PyMongoError as error:
            raise TemporaryError(f"the store did not answer: {type(error).__name__}") from error
        self._known = {
            document["_id"]: (Target.model_validate(document["target"]), document["revision"])
            for document in found
        }

    async def look_for(self, ids: Sequence[str]) -> None:
        """Read all of them again where one is not known: another executor may just have registered it."""
        if any(id not in self._known for id in ids):
            await self.refresh()

    def find(self, id: str) -> Target | None:
        known = self._known.get(id)
        return known[0] if known else None

    def resolve(self, ids: Sequence[str]) -> list[tuple[str, Target | None]]:
        return [(id, self.find(id)) for id in ids]

    @property
    def hidden(self) -> tuple[str, ...]:
        """What no script may see, wherever a target's root lies."""
        return tuple(str(path) for path in self._private)

    async def register(self, received: Received[RegisterTarget]) -> Reply:
        """Write the next revision, unless it is the same already; an agent registers its own alone."""
        command = received.message
        target = command.target
        await self._check(command.principal, target)
        for _ in range(_ATTEMPTS):
            current = await self._documents.get(target.id)
            if current is None:
                written = await self._insert(received, target)
            else:
                _check_owner(command.principal, current["target"]["owner"])
                written = await self._update(received, target, current)
            if written is not None:
                self._known[target.id] = (target, written[1])
                body = {"target": target.model_dump(mode="json"), "revision": written[1]}
                return Reply(status=written[0], body=body)
        raise TemporaryError("the target keeps changing")

    async def remove(self, received: Received[RemoveTarget]) -> Reply:
        command = received.message
        current = await self._documents.get(command.target_id)
        if current is None:
            raise _unknown(command.target_id)
        _check_owner(command.principal, current["target"]["owner"])
        if current["state"] == "registered":
            revision = current["revision"] + 1
            await self._documents.update(
                command.target_id,
                guard={"state": "registered", "revision": current["revision"]},
                change={"$set": {"state": "removed", "revision": revision}},
                events=(TargetRemoved(target_id=command.target_id, revision=revision),),
                cause=received,
            )
        self._known.pop(command.target_id, None)
        return Reply(status=200, body={"id": command.target_id})

    async def check(self, received: Received[CheckTarget]) -> Reply:
        """Ask the target's sandbox to look at it; an agent asks about its own."""
        command = received.message
        await self.refresh()
        target = self.find(command.target_id)
        if target is None:
            raise _unknown(command.target_id)
        _check_owner(command.principal, target.owner)
        try:
            found = await self._sandboxes.of(target).check(target)
        except SandboxUnavailable as error:
            found = Reached(reachable=False, detail=str(error))
        return Reply(status=200, body={"target_id": target.id, **found.model_dump(mode="json")})

    async def list(self, received: Received[ListTargets]) -> Reply:
        """All of them; an agent sees its own."""
        await self.refresh()
        principal = received.message.principal
        shown = [
            {"target": target.model_dump(mode="json"), "revision": revision}
            for _, (target, revision) in sorted(self._known.items())
            if domain.may_ask(principal.role, principal.id, [target.owner])
        ]
        return Reply(status=200, body={"targets": shown})

    async def _insert(self, received: Received[RegisterTarget], target: Target) -> tuple[int, int] | None:
        document = {
            "_id": target.id, "state": "registered", "target": target.model_dump(mode="json"), "revision": 1,
        }  # fmt: skip
        try:
            await self._documents.insert(
                document, events=(TargetRegistered(target=target, revision=1),), cause=received
            )
        except Conflict:
            return None
        return 201, 1

    async def _update(
        self, received: Received[RegisterTarget], target: Target, current: dict[str, Any]
    ) -> tuple[int, int] | None:
        known = current["state"] == "registered"
        if known and current["target"] == target.model_dump(mode="json"):
            return 200, int(current["revision"])
        revision = current["revision"] + 1
        event = TargetUpdated if known else TargetRegistered
        try:
            await self._documents.update(
                target.id,
                guard={"state": current["state"], "revision": current["revision"]},
                change={
                    "$set": {
                        "state": "registered", "target": target.model_dump(mode="json"), "revision": revision,
                    }
                },
                events=(event(target=target, revision=revision),),
                cause=received,
            )  # fmt: skip
        except Conflict:
            return None
        return (200 if known else 201), revision

    async def _check(self, principal: Principal, target: Target) -> None:
        _check_owner(principal, target.owner)
        if principal.role == "agent" and target.kind not in _AGENT_KINDS:
            raise PermanentError(
                f"an agent may not register a target of kind {target.kind}",
                field="target.kind",
                remedy="register a local or host target, or ask an operator",
                status=403,
            )
        if principal.role == "agent" and any(target.reach.get(field) for field in _OUTSIDE):
            raise PermanentError(
                "an agent may not say what runs outside the sandbox",
                field="target.reach",
                remedy=f"leave out {', '.join(_OUTSIDE)}, or ask an operator to register the target",
                status=403,
            )
        # An agent runs scripts on its own host itself: it has nothing to say of how that is reached.
        if target.kind in _REACHES and (target.reach or target.kind != "host"):
            _refused_by(_REACHES[target.kind], target.reach)
        if target.kind == "local":
            _refused_by(reloads_of, target.reach)
            for field in ("root", "reads"):
                paths = target.reach.get(field, [] if field == "reads" else None)
                for path in paths if field == "reads" and isinstance(paths, list) else [paths]:
                    problem = domain.reach_problem(path) or await asyncio.to_thread(
                        self._look, str(path), field
                    )
                    if problem:
                        raise PermanentError(
                            f"{str(path)[:200]!r} cannot be reached: {problem}",
                            field=f"target.reach.{field}",
                            remedy='for kind local, reach is {"root": "/an/existing/folder"}',
                        )

    def _look(self, path: str, field: str) -> str:
        real = os.path.realpath(path)
        if real != path:
            return f"it goes through a symbolic link; name {real}"
        if not os.path.isdir(path) and (field == "root" or not os.path.exists(path)):
            return "it is not an existing folder on the executor's machine"
        if any(private == Path(path) or private in Path(path).parents for private in self._private):
            return "it is Suture's own"
        return ""


def _refused_by(read: Callable[[dict[str, Any]], object], reach: dict[str, Any]) -> None:
    try:
        read(reach)
    except ValueError as error:
        field, _, reason = str(error).partition(": ")
        reason, _, remedy = reason.partition("; ")
        raise PermanentError(
            reason, field=f"target.{field}", remedy=remedy or "docs/targets.md says what it takes"
        ) from None


def _check_owner(principal: Principal, owner: str) -> None:
    if not domain.may_ask(principal.role, principal.id, [owner]):
        raise PermanentError(
            f"the target belongs to {owner}, not to {principal.id}",
            field="target.owner",
            remedy="name yourself as its owner, or choose another id",
            status=403,
        )


def _unknown(id: str) -> PermanentError:
    return PermanentError(
        f"there is no target {id}",
        field="target_id",
        remedy="list the targets and name one of them",
        status=404,
    )
