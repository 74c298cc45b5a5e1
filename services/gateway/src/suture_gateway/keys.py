"""API keys: who holds which bearer token. The file has the SHA-256 of each token, never the token."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from suture_contracts.base import Digest, Name, Principal, Role

_LOOK_AGAIN_SECONDS = 1.0
_MAX_FILE_BYTES = 1_000_000


class KeyEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name
    role: Role
    sha256: Digest


class KeyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[KeyEntry, ...] = Field(max_length=1_000)


class UnusableKeys(Exception):
    """The key file cannot be read: nobody is let in."""


@dataclass(frozen=True, slots=True)
class _Held:
    digest: bytes
    principal: Principal


class KeyRing:
    """The key file's entries; a changed file counts within a second, an unusable one lets nobody in."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked = float("-inf")
        self._stamp: tuple[int, int, int] | None = None
        self._held: tuple[_Held, ...] = ()

    def authenticate(self, token: str) -> Principal | None:
        """Who holds this token; None for an unknown one. Raises ``UnusableKeys``."""
        self._reload()
        digest = hashlib.sha256(token.encode()).digest()
        found: Principal | None = None
        # Every entry is compared, so that the time tells nothing.
        for held in self._held:
            if hmac.compare_digest(held.digest, digest):
                found = held.principal
        return found

    def _reload(self) -> None:
        now = self._clock()
        if now - self._looked < _LOOK_AGAIN_SECONDS:
            return
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                self._held = self._read()
                self._stamp = stamp
        except (OSError, ValidationError, ValueError) as error:
            self._stamp = None
            self._held = ()
            raise UnusableKeys(
                f"the API key file {self._path} cannot be used: {type(error).__name__}"
            ) from error
        self._looked = now

    def _read(self) -> tuple[_Held, ...]:
        with self._path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
        if len(data) > _MAX_FILE_BYTES:
            raise ValueError("larger than 1 MB")
        entries = KeyFile.model_validate_json(data).keys
        if len({entry.id for entry in entries}) != len(entries):
            raise ValueError("an id is there twice")
        return tuple(
            _Held(bytes.fromhex(entry.sha256), Principal(id=entry.id, role=entry.role)) for entry in entries
        )
