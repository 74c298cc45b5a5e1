"""How a target of kind ``kubernetes`` is reached, as registered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from suture_sandbox.reach import read

_Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
_Account = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?$")]
_Address = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F.:\[\]]{2,60}:[0-9]{1,5}$")]
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease")


class KubernetesReach(BaseModel):
    """``service_account`` is the ceiling: what the cluster's admin bound to it is all that a run may do.

    ``image`` has bash, python3 (3.9 or newer) and what scripts use. ``context`` picks one of the
    kubeconfig's. ``api_server`` gives the addresses of the API server as pods reach it, where the executor
    may not look them up, or policies are judged by other addresses than the service's; the first is used.
    ``healthy_seconds``: for how long what was changed must be healthy without a break.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: _Label
    service_account: _Account
    image: str = Field(min_length=1, max_length=500, pattern=r"^[\w./:@-]+$")
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    context: str | None = Field(default=None, max_length=200)
    api_server: tuple[_Address, ...] = Field(default=(), max_length=20)
    healthy_seconds: float = Field(default=5.0, ge=0, le=600)


def reach_of(reach: dict[str, Any]) -> KubernetesReach:
    """Raises ``ValueError``, which names the field and the remedy."""
    found = read(
        KubernetesReach, reach, "for kind kubernetes, reach names namespace, service_account and image"
    )
    if found.namespace in _SYSTEM:
        raise ValueError(f"reach.namespace: {found.namespace} is the cluster's own; name the application's")
    return found
