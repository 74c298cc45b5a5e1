"""How a target of kind ``host`` is reached, as registered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from suture_sandbox.reach import Reload, read

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,100}$")]
Value = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]


class HostReach(BaseModel):
    """``secret_ref`` names a private key. ``host_key`` pins the machine: ``ssh-ed25519 AAAA…``, from its own
    ``/etc/ssh/ssh_host_ed25519_key.pub``. ``root`` is the folder that is the ceiling, ``state`` where claims
    and snapshots are kept there. ``sandbox`` is ``none`` where scripts shall change the machine itself, with
    ``environment`` as their further variables.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,250}$")
    port: int = Field(default=22, ge=1, le=65_535)
    user: str = Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")
    host_key: str = Field(pattern=r"^(ssh-ed25519|ecdsa-sha2-\S+|ssh-rsa) [A-Za-z0-9+/=]{40,2000}$")
    root: str = Field(pattern=r"^/[^\x00\n]{0,1000}$")
    reads: tuple[str, ...] = Field(default=(), max_length=20)
    state: str = Field(default="/var/lib/suture", pattern=r"^/[A-Za-z0-9._/-]{1,200}$")
    sandbox: Literal["bubblewrap", "none"] = "bubblewrap"
    environment: dict[Variable, Value] = Field(default_factory=dict, max_length=20)
    reload: tuple[Reload, ...] = Field(default=(), max_length=20)

    @model_validator(mode="after")
    def _root_of_a_sandbox(self) -> HostReach:
        if self.sandbox == "bubblewrap" and (self.root == "/" or self.environment):
            raise ValueError("the root / and environment are for sandbox none; name the application's folder")
        return self


def reach_of(reach: dict[str, Any]) -> HostReach:
    """Raises ``ValueError``, which names the field and the remedy."""
    return read(HostReach, reach, "for kind host, reach names address, user, host_key and root")
