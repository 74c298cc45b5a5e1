"""The trust store: whose signatures count, and when."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature as _BadSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from suture_contracts.base import Role

from suture_chassis.custody.keys import Kind, TrustedKey
from suture_chassis.custody.strict import parse_object
from suture_chassis.errors import PermanentError, TemporaryError

CHECK_SECONDS = 1.0
"""How long, at most, a change of the file goes unseen."""
_MAX_FILE_BYTES = 4_000_000
_MAX_KEYS = 5_000


class UnknownKey(TemporaryError):
    """No such key, or not valid yet: rotation may not have reached this process, so that it is retried."""


class RevokedKey(PermanentError):
    """The key was revoked, or its validity is over."""


class InvalidSignature(PermanentError):
    """The signature is not that key's over these bytes."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed; ``role`` is a principal's."""

    name: str
    kind: Kind
    role: Role | None = None
    keyid: str = ""


@dataclass(frozen=True, slots=True)
class _Loaded:
    entry: TrustedKey
    key: Ed25519PublicKey
    identity: Identity


class TrustStore:
    """Public keys, read anew when their file changes; while it is unreadable, nothing verifies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: dict[str, _Loaded] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._checked = float("-inf")

    @classmethod
    def load(cls, path: Path) -> TrustStore:
        """The store in ``path``. Raises ``PermanentError`` when it is missing or malformed."""
        store = cls(path)
        store._reload()
        return store

    def verify(self, keyid: str, data: bytes, signature: bytes, at: datetime | None = None) -> Identity:
        """Who signed ``data``, as of ``at`` (now). Raises UnknownKey, RevokedKey or InvalidSignature."""
        self._refresh()
        loaded = self._keys.get(keyid)
        if loaded is None:
            raise UnknownKey(f"key {keyid[:64]!r} is not in the trust store")
        entry, moment = loaded.entry, at or datetime.now(UTC)
        if moment < entry.not_before:
            raise UnknownKey(
                f"key {keyid} of {entry.name} is not valid before {entry.not_before.isoformat()}"
            )
        if moment > entry.not_after or (entry.revoked_at is not None and moment >= entry.revoked_at):
            raise RevokedKey(
                f"key {keyid} of {entry.name} is revoked or past its validity",
                field="signature",
                remedy="sign with a current key",
            )
        try:
            loaded.key.verify(signature, data)
        except _BadSignature:
            raise InvalidSignature(
                f"the signature is not {entry.name}'s over these bytes",
                field="signature",
                remedy="send the signed bytes unchanged",
            ) from None
        return loaded.identity

    def holder(self, keyid: str, data: bytes, signature: bytes) -> Identity | None:
        """Whose key made the signature, whatever became of that key; ``None``: none that is known here.

        It tells where bytes come from, never that they count. Raises ``TemporaryError``.
        """
        self._refresh()
        loaded = self._keys.get(keyid)
        if loaded is None:
            return None
        try:
            loaded.key.verify(signature, data)
        except _BadSignature:
            return None
        return loaded.identity

    def ended(self, service: str) -> dict[str, datetime]:
        """The keys of a service that were revoked or outlived, and since when. Raises ``TemporaryError``."""
        self._refresh()
        ends = {
            keyid: min(loaded.entry.not_after, loaded.entry.revoked_at or loaded.entry.not_after)
            for keyid, loaded in self._keys.items()
            if (loaded.entry.kind, loaded.entry.name) == ("service", service)
        }
        now = datetime.now(UTC)
        return {keyid: end for keyid, end in ends.items() if end <= now}

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._checked < CHECK_SECONDS:
            return
        try:
            if self._stat() != self._stamp:
                self._reload()
        except (OSError, PermanentError) as error:
            # Not the last good keys: the change that cannot be read may be a revocation.
            raise TemporaryError(f"the trust store cannot be read: {error}") from error
        self._checked = now

    def _stat(self) -> tuple[int, int, int]:
        status = os.stat(self._path)
        return (status.st_mtime_ns, status.st_size, status.st_ino)

    def _reload(self) -> None:
        try:
            stamp = self._stat()
            keys = read_keys(self._path)
        except OSError as error:
            raise PermanentError(
                f"trust store {self._path}: {error}",
                field="trust_store_file",
                remedy="write it, or point to where it is",
            ) from error
        self._keys = {
            entry.keyid: _Loaded(
                entry,
                Ed25519PublicKey.from_public_bytes(entry.public),
                Identity(entry.name, entry.kind, entry.role, entry.keyid),
            )
            for entry in keys
        }
        self._stamp = stamp
        self._checked = time.monotonic()

    @staticmethod
    def write(path: Path, keys: Iterable[TrustedKey]) -> None:
        """Replace the file by one with these keys; a reader sees the old one or the new one, whole."""
        text = json.dumps({"keys": [entry.to_entry() for entry in keys]}, indent=1)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            # Public keys: whoever runs a service may read them.
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise

    @staticmethod
    def add(path: Path, *keys: TrustedKey) -> None:
        """Add these keys to the file, which need not exist; an entry of the same key id is replaced."""
        with _locked(path):
            known = {entry.keyid: entry for entry in read_keys(path)} if path.exists() else {}
            TrustStore.write(path, {**known, **{entry.keyid: entry for entry in keys}}.values())

    @staticmethod
    def revoke(path: Path, keyid: str, at: datetime | None = None) -> None:
        """Mark a key as revoked since ``at`` (now). Raises ``PermanentError`` when it is not there."""
        with _locked(path):
            known = {entry.keyid: entry for entry in read_keys(path)}
            if keyid not in known:
                raise PermanentError(f"trust store {path}: no key {keyid!r}", field="keyid", status=404)
            known[keyid] = replace(known[keyid], revoked_at=at or datetime.now(UTC))
            TrustStore.write(path, known.values())


def read_keys(path: Path) -> list[TrustedKey]:
    """The entries of a trust store's file, read strictly. Raises ``OSError`` or ``PermanentError``."""
    with path.open("rb") as file:
        data = file.read(_MAX_FILE_BYTES + 1)
    place = "keys"
    try:
        document = parse_object(data, limit=_MAX_FILE_BYTES)
        entries = document.get("keys")
        if set(document) != {"keys"} or not isinstance(entries, list) or len(entries) > _MAX_KEYS:
            raise ValueError(f"the file holds exactly one field, keys, a list of at most {_MAX_KEYS}")
        keys = []
        for index, entry in enumerate(entries):
            place = f"keys[{index}]"
            keys.append(TrustedKey.from_entry(entry))
        if len({entry.keyid for entry in keys}) != len(keys):
            raise ValueError("a key id is there twice")
    except ValueError as error:
        raise PermanentError(
            f"trust store {path}: {place}: {error}", field=place, remedy="correct or remove that entry"
        ) from None
    return keys


class _locked:
    """Keeps two writers of one trust store apart."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.lock")

    def __enter__(self) -> None:
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()
