"""The store's replica set, and a user for each service who may read and write its own database alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

ADDRESS = "mongo:27017"
_PATIENCE_SECONDS = 120
_NOT_YET_INITIALIZED = 94
_ALREADY_INITIALIZED = 23


def prepare_store(passwords: Mapping[str, str], address: str = ADDRESS) -> None:
    """May be repeated. Raises ``PyMongoError`` when the store does not come within two minutes."""
    with MongoClient[dict[str, Any]](
        f"mongodb://{address}/",
        username="root",
        password=passwords["root"],
        directConnection=True,
        serverSelectionTimeoutMS=5_000,
        # The store may know itself under another name than we do.
        retryWrites=False,
    ) as client:
        _until_done(lambda: _initiate(client, address))
        _until_done(lambda: _must_be_primary(client))
        for service, password in passwords.items():
            if service != "root":
                _ensure_user(client, service, password)


def _initiate(client: MongoClient[dict[str, Any]], address: str) -> None:
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        config = {"_id": "rs0", "members": [{"_id": 0, "host": address}]}
        try:
            client.admin.command("replSetInitiate", config)
        except OperationFailure as refused:
            if refused.code != _ALREADY_INITIALIZED:
                raise


def _must_be_primary(client: MongoClient[dict[str, Any]]) -> None:
    if not client.admin.command("hello").get("isWritablePrimary"):
        raise PyMongoError("the store is not primary yet")


def _ensure_user(client: MongoClient[dict[str, Any]], service: str, password: str) -> None:
    database = client[f"suture_{service}"]
    roles = [{"role": "readWrite", "db": database.name}]
    known = database.command("usersInfo", service)["users"]
    database.command("updateUser" if known else "createUser", service, pwd=password, roles=roles)


def _until_done(step: Any) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            step()
        except PyMongoError:
            if time.monotonic() > end:
                raise
            time.sleep(1)
        else:
            return
