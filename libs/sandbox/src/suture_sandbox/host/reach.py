"""How a target of kind ``host`` is reached, as registered."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from suture_sandbox.reach import read


class HostReach(BaseModel):
    """``secret_ref`` names a private key. ``host_key`` pins the machine: ``ssh-ed25519 AAAA…``, from its own
    ``/etc/ssh/ssh_host_ed25519_key.pub``. ``root`` is the folder that is the ceiling, ``state`` where claims
    and snapshots are kept there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,250}$")
    port: int = Field(default=22, ge=1, le=65_535)
    user: str = Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    host_key: str = Field(pattern=r"^(ssh-ed25519|ecdsa-sha2-\S+|ssh-rsa) [A-Za-z0-9+/=]{40,2000}$")
    root: str = Field(pattern=r"^/[^\x00\n]{1,1000}$")
    reads: tuple[str, ...] = Field(default=(), max_length=20)
    state: str = Field(default="/var/lib/suture", pattern=r"^/[A-Za-z0-9._/-]{1,200}$")


def reach_of(reach: dict[str, Any]) -> HostReach:
    """Raises ``ValueError``, which names the field and the remedy."""
    return read(HostReach, reach, "for kind host, reach names address, user, host_key and root")
