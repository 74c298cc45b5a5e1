"""The ``trust`` fixture: everyone's keys, and what a service is told by its environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suture_chassis.custody import Signer, TrustStore
from suture_local.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The broker, store and database of one test."""

    broker_url: str
    store_url: str
    database: str


@dataclass(frozen=True, slots=True)
class Identities:
    """Keys in a folder of one test. Broker and store are started only when settings ask for them."""

    ring: KeyRing
    neighbours: Callable[[], Neighbours]

    @property
    def store(self) -> TrustStore:
        return TrustStore.load(self.ring.trust_store_file)

    @property
    def file(self) -> Path:
        return self.ring.trust_store_file

    def signer(self, name: str) -> Signer:
        """The signer of a service, or of a principal in ``suture_local.keys.PRINCIPALS``."""
        return self.ring.signer(name)

    def settings_for(self, service: str) -> dict[str, Any]:
        """Keyword arguments for ``ChassisSettings`` of that service."""
        neighbours = self.neighbours()
        return {
            "broker_url": neighbours.broker_url,
            "store_url": neighbours.store_url,
            "store_database": neighbours.database,
            "signing_key_file": self.ring.key_file(service),
            "trust_store_file": self.ring.trust_store_file,
            "instance": "0",
            "health_port": 0,
        }

    def environment(self, service: str) -> dict[str, str]:
        """The same as environment variables, for a service in a process of its own."""
        return {f"SUTURE_{name.upper()}": str(value) for name, value in self.settings_for(service).items()}
