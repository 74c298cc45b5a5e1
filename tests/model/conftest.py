"""A whole system whose generator asks a real model, small and bad, that runs on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from suture_local.ports import LOOPBACK, free_ports
from suture_local.processes import ChildProcess
from suture_local.stack import Options, Stack
from suture_testkit.servers import Addresses
from suture_testkit.thread_loop import ThreadLoop

FOLDER_VARIABLE = "SUTURE_TEST_MODEL"
CALL_SECONDS, SCRIPT_SECONDS = "80", "90"
REMEDIATION_TOKENS = "6000"


@pytest.fixture(scope="module")
def model_url(suture_loop: ThreadLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of the model, in a process of its own."""
    folder = Path(os.environ.get(FOLDER_VARIABLE, ""))
    assert (folder / "xllamacpp").is_dir(), (
        f"{FOLDER_VARIABLE} names no folder with the model; run make test-model"
    )
    (port,) = free_ports(1)
    command = [sys.executable, str(Path(__file__).with_name("serve_model.py")), str(port)]
    process = ChildProcess(
        "model",
        [*command, str(folder / "weights.gguf")],
        environment={**os.environ, "PYTHONPATH": str(folder)},
        log=tmp_path_factory.mktemp("model") / "log",
        on_parent_death="KILL",
    )
    address = f"http://{LOOPBACK}:{port}"

    async def is_ready() -> bool:
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                # It listens at once, and answers 503 until the weights are read.
                return (await client.get(f"{address}/health")).is_success
            except httpx.TransportError:
                return False

    async def start() -> None:
        process.start()
        await process.wait_until(is_ready, 120)

    suture_loop.run(start())
    yield f"{address}/v1"
    suture_loop.run(process.stop())


@pytest.fixture
def system(
    model_url: str,
    suture_servers: Addresses,
    suture_loop: ThreadLoop,
    make_system: Callable[[Stack], Any],
    tmp_path: Path,
) -> Iterator[Any]:
    """A system that knows no other model."""
    name = f"model-{uuid4().hex[:12]}"
    generator = {
        "SUTURE_GENERATOR_PROVIDER": "openai",
        "SUTURE_GENERATOR_BASE_URL": model_url,
        "SUTURE_GENERATOR_MODEL": "small",
        "SUTURE_GENERATOR_CONCURRENCY": "1",
        "SUTURE_GENERATOR_TIMEOUT": CALL_SECONDS,
        "SUTURE_GENERATOR_DEADLINE": SCRIPT_SECONDS,
        "SUTURE_GENERATOR_REMEDIATION_TOKENS": REMEDIATION_TOKENS,
        "OPENAI_API_KEY": "nobody-asks-for-one",
    }
    options = Options(
        broker_url=suture_loop.run(suture_servers.vhosts().create_vhost(name)),
        store_url=suture_servers.store,
        database=name.replace("-", "_"),
        environment={"generator": generator},
    )
    stack = Stack(tmp_path / "system", options)
    suture_loop.run(stack.start())
    yield make_system(stack)
    suture_loop.run(stack.stop())
    suture_loop.run(suture_servers.vhosts().delete_vhost(name))
