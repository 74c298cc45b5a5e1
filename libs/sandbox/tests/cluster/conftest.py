"""A namespace of its own in a real cluster, and a way to its API server that can be cut."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import yaml
from suture_sandbox.kubernetes.sandbox import KubernetesSandbox
from suture_sandbox.secrets import Secrets
from suture_testkit.cluster import shop as shop
from suture_testkit.cluster import workload
from suture_testkit.proxy import Proxy


@pytest.fixture
def deployment() -> Callable[..., dict[str, Any]]:
    return workload


@pytest.fixture
def kubeconfig() -> dict[str, Any]:
    return dict(yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text()))


class Distant:
    """A sandbox whose ``secret_ref`` is ``shop``: a kubeconfig that leads to the API server by a proxy."""

    def __init__(self, sandbox: KubernetesSandbox, proxy: Proxy, port: int) -> None:
        self.sandbox = sandbox
        self._proxy = proxy
        self._port = port

    async def leave(self) -> None:
        await self._proxy.close()

    async def come_back(self) -> None:
        await self._proxy.open(self._port)


@pytest_asyncio.fixture
async def distant(kubeconfig: dict[str, Any], tmp_path: Path) -> AsyncIterator[Distant]:
    server = urlsplit(kubeconfig["clusters"][0]["cluster"]["server"])
    proxy = Proxy(server.hostname or "", server.port or 443)
    port = await proxy.open()
    kubeconfig["clusters"][0]["cluster"]["server"] = f"https://{server.hostname}:{port}"
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "shop").write_text(yaml.safe_dump(kubeconfig))
    sandbox = KubernetesSandbox(tmp_path / "other", Secrets(tmp_path / "secrets"))
    await sandbox.open()
    yield Distant(sandbox, proxy, port)
    await sandbox.close()
    await proxy.close()
