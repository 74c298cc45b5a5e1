"""First start: makes the passwords, keys and files that the containers need, and the store's users.

``setup.py secrets``  writes what is missing under ``--into``, a folder for each container; may be repeated
``setup.py store``    initiates the replica set and gives each service its user in its own database
``setup.py show``     prints the API keys and the addresses for detectors and supervisors' tools
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from definitions import DETECTOR, OBSERVER, SUPERVISORS, USERS, definitions
from store import prepare_store
from suture_chassis.custody import Signer, TrustedKey, TrustStore
from suture_contracts.base import Role
from suture_contracts.topology import SERVICES

SERVICE_UID = 10001
GRAFANA_UID = 472
RUN = "/run/suture"
ROLES: tuple[Role, ...] = ("agent", "operator", "supervisor", "admin")
API_KEYS: Mapping[str, Role] = {**{role: role for role in ROLES}, "supervisor-2": "supervisor"}
_PRINCIPAL = "supervisor"


class Folder:
    """One container's folder; ``owner`` is the user id that reads it."""

    def __init__(self, path: Path, owner: int = 0) -> None:
        self.path = path
        self._owner = owner
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._hand_over(path, 0o700)

    def write(self, name: str, text: str) -> None:
        """Replaces the file; it is whole or not there, and nobody else's to read."""
        target, temporary = self.path / name, self.path / f".{name}.new"
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        self._hand_over(temporary, 0o600)
        temporary.replace(target)

    def key(self, name: str) -> Signer:
        """The private key of ``name``, generated when it is missing."""
        path = self.path / f"{name}.key"
        signer = Signer.load(path) if path.exists() else Signer.generate(path, name)
        self._hand_over(path, 0o600)
        return signer

    def _hand_over(self, path: Path, mode: int) -> None:
        os.chmod(path, mode)
        if os.geteuid() == 0:
            os.chown(path, self._owner, self._owner)


def write_secrets(into: Path) -> None:
    """Everything, from passwords that are made once and kept in the folder ``master``."""
    master = Folder(into / "master")
    known = _known_secrets(master)
    services = {name: Folder(into / name, SERVICE_UID) for name in SERVICES}
    access = Folder(into / "access", SERVICE_UID)
    trust = master.path / "trust.json"
    entries = [TrustedKey.of(folder.key(name)) for name, folder in services.items()]
    entries.append(TrustedKey.of(access.key(_PRINCIPAL), kind="principal", role="supervisor"))
    _trust(trust, entries)
    for name, folder in services.items():
        folder.write("trust.json", trust.read_text())
        folder.write("environment", _environment(name, known))
    digests = [
        {"id": id, "role": role, "sha256": hashlib.sha256(known["api"][id].encode()).hexdigest()}
        for id, role in API_KEYS.items()
    ]
    services["gateway"].write("api-keys.json", json.dumps({"keys": digests}, indent=1))
    # Public keys alone: an auditor checks the journal with them.
    access.write("trust.json", trust.read_text())
    access.write("access.json", json.dumps(_access(known), indent=1))
    _write_neighbours(into, known)


def _known_secrets(master: Folder) -> dict[str, Any]:
    path = master.path / "secrets.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for group, names in (
        ("broker", USERS),
        ("store", (*SERVICES, "root")),
        ("api", tuple(API_KEYS)),
        ("other", ("grafana", "replica_set")),
    ):
        values = known.setdefault(group, {})
        for name in names:
            values.setdefault(name, secrets.token_urlsafe(32))
    master.write("secrets.json", json.dumps(known, indent=1))
    return known


def _trust(path: Path, entries: list[TrustedKey]) -> None:
    """Adds the keys that are not there yet: an entry's validity and revocation are kept."""
    held = {entry["keyid"] for entry in json.loads(path.read_text())["keys"]} if path.exists() else set()
    TrustStore.add(path, *(entry for entry in entries if entry.keyid not in held))


def _environment(service: str, known: Mapping[str, Any]) -> str:
    broker, store = known["broker"][service], known["store"][service]
    database = f"suture_{service}"
    options = f"replicaSet=rs0&retryWrites=false&journal=true&authSource={database}"
    values = {
        "SUTURE_BROKER_URL": f"amqp://{service}:{broker}@rabbitmq:5672/%2F",
        "SUTURE_STORE_URL": f"mongodb://{service}:{store}@mongo:27017/?{options}",
        "SUTURE_STORE_DATABASE": database,
        "SUTURE_SIGNING_KEY_FILE": f"{RUN}/{service}.key",
        "SUTURE_TRUST_STORE_FILE": f"{RUN}/trust.json",
    }
    if service == "gateway":
        values["SUTURE_GATEWAY_KEYS_FILE"] = f"{RUN}/api-keys.json"
    return "".join(f"{name}='{value}'\n" for name, value in values.items())


def _access(known: Mapping[str, Any]) -> dict[str, Any]:
    outside = (DETECTOR, SUPERVISORS, OBSERVER)
    return {
        "api": "http://127.0.0.1:8080",
        "keys": known["api"],
        "broker": {user: f"amqp://{user}:{known['broker'][user]}@127.0.0.1:5672/%2F" for user in outside},
        "management": {
            "url": "http://127.0.0.1:15672",
            "user": "admin",
            "password": known["broker"]["admin"],
        },
        "grafana": {"url": "http://127.0.0.1:3000", "user": "admin", "password": known["other"]["grafana"]},
    }


def _write_neighbours(into: Path, known: Mapping[str, Any]) -> None:
    rabbitmq, mongo, other = Folder(into / "rabbitmq"), Folder(into / "mongo"), known["other"]
    rabbitmq.write("definitions.json", json.dumps(definitions(known["broker"]), indent=1))
    root = known["store"]["root"]
    mongo.write("environment", f"MONGO_INITDB_ROOT_USERNAME='root'\nMONGO_INITDB_ROOT_PASSWORD='{root}'\n")
    # A key file takes base64 characters only.
    mongo.write("keyfile", hashlib.sha512(other["replica_set"].encode()).hexdigest() + "\n")
    Folder(into / "store", SERVICE_UID).write("users.json", json.dumps(known["store"], indent=1))
    Folder(into / "grafana", GRAFANA_UID).write("admin-password", other["grafana"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("step", choices=["secrets", "store", "show"])
    parser.add_argument("--into", type=Path, default=Path("/secrets"))
    options = parser.parse_args()
    if options.step == "secrets":
        write_secrets(options.into)
    elif options.step == "store":
        prepare_store(json.loads((options.into / "store" / "users.json").read_text()))
    else:
        sys.stdout.write((options.into / "access" / "access.json").read_text() + "\n")


if __name__ == "__main__":
    main()
