"""The templates: immutable revisions in the store, the current ones in memory."""

from __future__ import annotations

import asyncio
from typing import Any

from suture_chassis.errors import Conflict, PermanentError
from suture_chassis.messages import Received
from suture_chassis.store import Store
from suture_contracts.template import Template
from suture_generation.analysis import Templates
from suture_generation.catalog import released_templates

from suture_analyzer.checks import changed, checked

COLLECTION = "generative_remediation_templates"


class Shelf:
    """``templates`` are the current revisions. None is ever changed; a deleted id is never used again."""

    def __init__(self, store: Store) -> None:
        self._collection = store.collection(COLLECTION)
        self._documents = store.documents(COLLECTION)
        self._current: dict[str, Template] = {}
        self._newest: dict[str, dict[str, Any]] = {}
        self.templates = Templates(())
        self._loading = asyncio.Lock()

    async def seed(self) -> None:
        """Puts the release's templates there; what was edited or deleted stays as it is."""
        await self.load()
        # At once, so that they share the store's writes.
        async with asyncio.TaskGroup() as adding:
            for template in released_templates():
                if (new := self._to_be_seeded(template)) is not None:
                    adding.create_task(self._insert(new, None))
        await self.load()

    def _to_be_seeded(self, released: Template) -> Template | None:
        newest = self._newest.get(released.id)
        if newest is None:
            return released
        if newest["state"] != "current" or newest["template"]["origin"] != "release":
            return None
        kept = Template.model_validate(newest["template"])
        if kept == released.model_copy(update={"revision": kept.revision}):
            return None
        return released.model_copy(update={"revision": kept.revision + 1})

    async def load(self) -> None:
        """Reads them all anew: another replica may have written."""
        # One at a time, so that an older reading never replaces a newer one.
        async with self._loading:
            await self._load()

    async def _load(self) -> None:
        newest: dict[str, dict[str, Any]] = {}
        async for document in self._collection.find({}, {"inbox": 0, "outbox": 0}):
            known = newest.get(document["template"]["id"])
            if known is None or known["template"]["revision"] < document["template"]["revision"]:
                newest[document["template"]["id"]] = document
        self._newest = newest
        self._remember()

    def listed(self) -> list[Template]:
        return [self._current[id] for id in sorted(self._current)]

    async def create(self, template: Template, cause: Received[Any]) -> Template:
        """The template as it was stored; raises ``Conflict`` where its id was ever used."""
        made = template.model_copy(update={"revision": 1, "origin": "edited", "proven": False})
        checked(made)
        await self._add(made, cause)
        return await self._stored(f"{made.id}:1")

    async def update(
        self, id: str, changes: dict[str, Any], seen: int | None, cause: Received[Any]
    ) -> Template:
        """The next revision; raises ``Conflict`` where the caller saw another one than the current."""
        await self.load()
        newest = self._newest.get(id)
        if newest is not None and newest.get("command") == cause.key:
            return Template.model_validate(newest["template"])
        current = self._must_exist(id)
        if seen is not None and seen != current.revision:
            raise Conflict(
                f"{id} is at revision {current.revision}, not {seen}",
                current={"id": id, "revision": current.revision},
                field="revision",
                remedy="look at the current revision and change that",
            )
        revised = changed(current, changes)
        checked(revised)
        await self._add(revised, cause)
        return await self._stored(f"{id}:{revised.revision}")

    async def delete(self, id: str, cause: Received[Any]) -> None:
        await self.load()
        newest = self._newest.get(id)
        if newest is None or (newest["state"] == "deleted" and newest.get("deleted_by") != cause.key):
            raise _missing(id)
        change = {"$set": {"state": "deleted", "deleted_by": cause.key}}
        await self._documents.update(newest["_id"], guard={"state": "current"}, change=change, cause=cause)
        await self.load()

    async def _add(self, template: Template, cause: Received[Any]) -> None:
        await self._insert(template, cause)
        await self.load()

    async def _insert(self, template: Template, cause: Received[Any] | None) -> None:
        document = {
            "_id": f"{template.id}:{template.revision}",
            "state": "current",
            "template": template.model_dump(mode="json"),
            "command": cause.key if cause else None,
        }
        try:
            await self._documents.insert(document, cause=cause)
        except Conflict as conflict:
            if cause is None:
                return  # Another replica seeds, too.
            raise Conflict(
                f"there is a template {document['_id']} already",
                current={"id": template.id, "state": conflict.current.get("state")},
                field="template.id",
                remedy="choose another id, or update that template",
            ) from conflict

    async def _stored(self, document_id: str) -> Template:
        document = await self._documents.get(document_id)
        if document is None:
            raise _missing(document_id)
        return Template.model_validate(document["template"])

    def _must_exist(self, id: str) -> Template:
        if id not in self._current:
            raise _missing(id)
        return self._current[id]

    def _remember(self) -> None:
        self._current = {
            id: Template.model_validate(document["template"])
            for id, document in self._newest.items()
            if document["state"] == "current"
        }
        self.templates = Templates(self._current.values())


def _missing(id: str) -> PermanentError:
    return PermanentError(
        f"there is no template {id}",
        field="template_id",
        remedy="name one that list-templates shows",
        status=404,
    )
