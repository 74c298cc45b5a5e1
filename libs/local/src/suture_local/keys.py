"""Signing keys and the trust store of one system on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from suture_chassis.custody import Signer, TrustedKey, TrustStore
from suture_contracts.base import Role
from suture_contracts.topology import SERVICES

PRINCIPALS: Mapping[str, Role] = {
    "supervisor": "supervisor",
    "supervisor-2": "supervisor",
    "operator": "operator",
    "agent": "agent",
    "admin": "admin",
}
"""Who has a key of their own besides the services, and in which role."""


class KeyRing:
    """A folder with one key file for each service and principal, and the trust store that knows them all.

    Files that are there already are kept: a system that is started again goes on with its keys.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trust_store_file = folder / "trust.json"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = self.trust_store_file.exists()
        names = [n for n in (*SERVICES, *PRINCIPALS) if not (known and self.key_file(n).exists())]
        if names:
            TrustStore.add(self.trust_store_file, *map(self._entry, names))

    def key_file(self, name: str) -> Path:
        """The private key of a service, or of a principal named in ``PRINCIPALS``."""
        return self.folder / f"{name}.key"

    def signer(self, name: str) -> Signer:
        return Signer.load(self.key_file(name))

    def renew(self, name: str) -> None:
        """Revoke a service's key and give it a new one, which it loads when it is started again."""
        TrustStore.revoke(self.trust_store_file, self.signer(name).keyid)
        path = self.key_file(name)
        path.unlink()
        TrustStore.add(self.trust_store_file, TrustedKey.of(Signer.generate(path, name)))

    def _entry(self, name: str) -> TrustedKey:
        path = self.key_file(name)
        signer = Signer.load(path) if path.exists() else Signer.generate(path, name)
        if name in PRINCIPALS:
            return TrustedKey.of(signer, kind="principal", role=PRINCIPALS[name])
        return TrustedKey.of(signer)
