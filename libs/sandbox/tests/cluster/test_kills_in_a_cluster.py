"""kill -9 of the runner around every request that changes something: one claim, objects before or after."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from suture_sandbox.kubernetes.job import claim_name
from suture_sandbox.kubernetes.manifests import parse
from suture_testkit.proxy import Proxy

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

DYING = Path(__file__).with_name("dying_runner.py")
WEB = {"name": "web", "annotations": {"suture.dev/takes-over": "a-person"}}
BODY = "\n---\n".join(
    json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"host": "db"}})
    for metadata in (WEB, {"name": "made"})
)


class Runner:
    """Starts runners on this machine, as the target's service account."""

    def __init__(self, shop, folder: Path) -> None:
        self.shop = shop
        self.folder = folder
        self.server = ("", 0)

    async def prepare(self) -> None:
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        path = self.shop.path("serviceaccounts", "suture-target/token")
        answer = await self.shop.cluster.call("POST", path, request)
        config = server()
        parts = urlsplit(config["server"])
        self.server = (parts.hostname or "", parts.port or 443)
        (self.folder / "token").write_text(answer["status"]["token"])
        (self.folder / "ca").write_bytes(base64.b64decode(config["certificate-authority-data"]))

    async def run(self, plan, step: int, holder: str, dead: tuple[str, ...] = ()) -> tuple[bool, str]:
        """Whether it was killed, and the outcome that it told."""
        cluster = {
            "namespace": self.shop.namespace, "claim": claim_name(plan), "dead": list(dead),
            "expects": parse(plan.verify, self.shop.namespace, "verify") if plan.verify else [],
            "objects": parse(plan.body, self.shop.namespace), "lease_seconds": 60, "healthy_seconds": 0,
            "isolation": [], "api_server": None,
        }  # fmt: skip
        file = self.folder / "plan.json"
        file.write_text(json.dumps({**plan.model_dump(mode="json"), "cluster": cluster}))
        host, port = self.server
        command = [
            sys.executable, "-S", str(DYING), str(file), str(step), holder, host, str(port),
            str(self.folder / "token"), str(self.folder / "ca"),
        ]  # fmt: skip
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=100)
        killed = done.returncode == -signal.SIGKILL
        assert killed or done.returncode == 0, done.stderr.decode()[-800:]
        return killed, done.stdout.decode().rpartition("result ")[2].strip()


def server() -> dict[str, str]:
    return dict(yaml.safe_load(Path(os.environ["KUBECONFIG"]).read_text())["clusters"][0]["cluster"])


@pytest.mark.parametrize("mode", ["apply", "rollback"])
async def test_a_runner_killed_around_any_request_is_finished_by_the_next(shop, tmp_path: Path, mode) -> None:
    runner = Runner(shop, tmp_path)
    await runner.prepare()
    await shop.config("web", host="old", port="5432")
    paths = (shop.path("configmaps", "web"), shop.path("configmaps", "made"))
    before = await shop.state(*paths)
    killed, step, outcomes = True, 0, []
    while killed:
        step += 1
        name = f"{mode}-{step}"
        plan = shop.plan(BODY, mode=mode, name=name)
        if mode == "rollback":
            assert await runner.run(shop.plan(BODY, name=name), 0, f"{name}-z") == (False, "succeeded")
        killed, outcome = await runner.run(plan, step, f"{name}-a")
        if killed:
            _, outcome = await runner.run(plan, 0, f"{name}-b", (f"{name}-a",))
        outcomes.append(outcome)
        if outcome == "succeeded":
            undo = shop.plan(BODY, mode="rollback", name=name)
            assert (await runner.run(undo, 0, f"{name}-c", (f"{name}-a",)))[1] == "rolled_back"
        else:
            assert outcome == "rolled_back", (step, outcome)
        assert await shop.state(*paths) == before, step
        assert len(await shop.claims()) == step
    print(f"{mode}: killed at {step - 1} points, {step} claims: {sorted(set(outcomes))}")
    assert step > (15 if mode == "apply" else 6)


async def test_a_runner_whose_api_server_is_away_for_30_seconds_goes_on_and_writes_once(
    shop, tmp_path: Path
) -> None:
    runner = Runner(shop, tmp_path)
    await runner.prepare()
    proxy = Proxy(*runner.server)
    port = await proxy.open()
    runner.server = (runner.server[0], port)
    await shop.config("web", host="old")
    gate = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "gate"}, "data": {"open": "yes"}}
    plan = shop.plan(BODY, name="away", verify=json.dumps(gate))
    running = asyncio.create_task(runner.run(plan, 0, "away-a"))
    made = shop.path("configmaps", "made")
    for _ in range(100):
        if (changed := await shop.cluster.find(made)) is not None:
            break
        await asyncio.sleep(0.2)
    await proxy.close()
    await shop.config("gate", open="yes")
    await asyncio.sleep(30)
    assert not running.done()
    await proxy.open(port)
    assert await running == (False, "succeeded")
    await proxy.close()
    assert changed is not None
    now = await shop.cluster.call("GET", made)
    assert now["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
    assert len(await shop.claims()) == 1
