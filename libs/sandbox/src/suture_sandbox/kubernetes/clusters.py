"""Connections to the clusters that targets name: one each, made when it is needed."""

from __future__ import annotations

import asyncio
import hashlib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from suture_sandbox.kubernetes.reach import KubernetesReach
from suture_sandbox.protocol import SandboxUnavailable
from suture_sandbox.secrets import Secrets

if TYPE_CHECKING:
    from suture_sandbox.kubernetes.cluster import Cluster


class Clusters:
    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._open: dict[tuple[str, str | None], Cluster] = {}
        self._lock = asyncio.Lock()

    async def of(self, reach: KubernetesReach, secret_ref: str | None) -> Cluster:
        """Raises ``SandboxUnavailable`` where nothing says how the cluster is reached."""
        kubeconfig = await asyncio.to_thread(self._secrets.read, secret_ref) if secret_ref else None
        key = (hashlib.sha256((kubeconfig or "").encode()).hexdigest(), reach.context)
        async with self._lock:
            if key not in self._open:
                # The client is large: only executors with such targets load it, and not on the event loop.
                module: Any = await asyncio.to_thread(import_module, "suture_sandbox.kubernetes.cluster")
                try:
                    self._open[key] = await module.Cluster.connect(kubeconfig, reach.context)
                except ValueError as error:
                    raise SandboxUnavailable(str(error)) from None
            return self._open[key]

    async def close(self) -> None:
        for cluster in self._open.values():
            await cluster.close()
        self._open.clear()
