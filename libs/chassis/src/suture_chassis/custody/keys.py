"""Signing keys and the public entries that others trust them by."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter, ValidationError
from suture_contracts.base import Name, Role

from suture_chassis.custody.strict import decode_base64, parse_object
from suture_chassis.errors import PermanentError

Kind = Literal["service", "principal"]
VALIDITY = timedelta(days=365)
_CLOCK_SKEW = timedelta(minutes=5)
_MAX_KEY_FILE_BYTES = 10_000
_FIELDS = {"keyid", "public", "name", "kind", "role", "not_before", "not_after", "revoked_at"}
_NAME = TypeAdapter[str](Name)


def keyid_of(public: bytes) -> str:
    """A key's id follows from the key, so that no entry can claim another's: 32 hexadecimal characters."""
    return hashlib.sha256(public).hexdigest()[:32]


class Signer:
    """An Ed25519 private key under the name of its holder. Holds the key in memory; never prints it."""

    __slots__ = ("_private", "keyid", "name", "public")

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        self.name = name
        self.public = private.public_key().public_bytes_raw()
        self.keyid = keyid_of(self.public)
        self._private = private

    @classmethod
    def new(cls, name: str) -> Signer:
        """A fresh key that is in no file."""
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def generate(cls, path: Path, name: str) -> Signer:
        """A fresh key, written to ``path`` with mode 0600; never overwrites. Raises ``PermanentError``."""
        signer = cls.new(_NAME.validate_python(name))
        secret = base64.b64encode(signer._private.private_bytes_raw()).decode()
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise _unusable(path, str(error), "name a new file in a writable folder") from error
        with os.fdopen(descriptor, "w") as file:
            json.dump({"keyid": signer.keyid, "name": name, "private": secret}, file)
            file.flush()
            os.fsync(file.fileno())
        return signer

    @classmethod
    def load(cls, path: Path) -> Signer:
        """The key in ``path``. Raises ``PermanentError`` when it is unreadable, exposed or malformed."""
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                data = file.read(_MAX_KEY_FILE_BYTES + 1)
        except OSError as error:
            raise _unusable(path, str(error), "generate the key, or point to where it is") from error
        if mode & stat.S_IRWXO:
            raise _unusable(path, f"everyone may reach it (mode {mode:04o})", f"chmod 600 {path}")
        try:
            entry = parse_object(data, limit=_MAX_KEY_FILE_BYTES)
            private = Ed25519PrivateKey.from_private_bytes(decode_base64(str(entry["private"])))
            signer = cls(_NAME.validate_python(entry["name"]), private)
        except (KeyError, ValueError) as error:
            raise _unusable(path, f"it is malformed: {_brief(error)}", "generate the key anew") from None
        if entry.get("keyid") != signer.keyid:
            raise _unusable(path, "its keyid is not its key's", "generate the key anew")
        return signer

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the signature over ``data``."""
        return self._private.sign(data)

    def __repr__(self) -> str:
        return f"Signer(name={self.name!r}, keyid={self.keyid!r})"


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """One entry of the trust store: whose public key, from when to when, and since when no longer."""

    keyid: str
    public: bytes
    name: str
    kind: Kind
    role: Role | None
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None = None

    @classmethod
    def of(
        cls,
        signer: Signer,
        *,
        kind: Kind = "service",
        role: Role | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> TrustedKey:
        """The entry for ``signer``; valid for a year from now unless told otherwise."""
        start = not_before or datetime.now(UTC) - _CLOCK_SKEW
        end = not_after or start + VALIDITY
        entry = cls(signer.keyid, signer.public, signer.name, kind, role, start, end)
        return cls.from_entry(entry.to_entry())

    def to_entry(self) -> dict[str, Any]:
        """The entry as the trust store's file has it."""
        optional = {"role": self.role, "revoked_at": self.revoked_at and self.revoked_at.isoformat()}
        return {
            "keyid": self.keyid,
            "public": base64.b64encode(self.public).decode(),
            "name": self.name,
            "kind": self.kind,
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            **{key: value for key, value in optional.items() if value is not None},
        }

    @classmethod
    def from_entry(cls, entry: Any) -> TrustedKey:
        """The entry, read strictly. Raises ``ValueError`` naming the field."""
        if not isinstance(entry, dict):
            raise ValueError("is not an object")
        if unknown := set(entry) - _FIELDS:
            raise ValueError(f"has the unknown field {sorted(unknown)[0]!r}")
        public = _field(entry, "public", decode_base64)
        if len(public) != 32:
            raise ValueError("public: is not an Ed25519 key of 32 bytes")
        if entry.get("keyid") != keyid_of(public):
            raise ValueError(f"keyid: is not this key's, which is {keyid_of(public)}")
        kind, role = entry.get("kind"), entry.get("role")
        if kind not in get_args(Kind):
            raise ValueError("kind: give service or principal")
        if (role in get_args(Role)) != (kind == "principal") or (kind == "service" and role is not None):
            raise ValueError(f"role: a principal has one of {', '.join(get_args(Role))}, a service none")
        start, end = _field(entry, "not_before", _moment), _field(entry, "not_after", _moment)
        if start >= end:
            raise ValueError("not_after: is not later than not_before")
        revoked = _field(entry, "revoked_at", _moment) if "revoked_at" in entry else None
        name = _field(entry, "name", _name)
        return cls(keyid_of(public), public, name, cast(Kind, kind), role, start, end, revoked)


def _field(entry: dict[str, Any], name: str, read: Any) -> Any:
    value = entry.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name}: is missing or not a string")
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{name}: {_brief(error)}") from None


def _name(text: str) -> str:
    return _NAME.validate_python(text)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("has no time zone; append Z or +00:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


def _brief(error: Exception) -> str:
    # Never the input itself: it may be part of a private key.
    if isinstance(error, ValidationError):
        return "is not a name: letters, digits and _ . : / @ + ~ -, at most 200"
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)


def _unusable(path: Path, why: str, remedy: str) -> PermanentError:
    return PermanentError(f"signing key {path}: {why}", field="signing_key_file", remedy=remedy)
