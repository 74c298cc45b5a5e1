"""kill -9 of the runner around every request that changes something: one claim, objects before or after."""

from __future__ import annotations

import asyncio
import base64
import collections
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
AWAY = 6


def config_maps(changed: str, made: str) -> str:
    """Manifests that change one ConfigMap, which is a person's, and make another one."""
    taken = {"name": changed, "annotations": {"suture.dev/takes-over": "a-person"}}
    return "\n---\n".join(
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"host": "db"}})
        for metadata in (taken, {"name": made})
    )


BODY = config_maps("web", "made")


class Runner:
    """Starts runners on this machine, as the target's service account."""

    def __init__(self, shop, folder: Path) -> None:
        self.shop = shop
        self.folder = folder
        self.server = ("", 0)

    async def prepare(self) -> None:
        self.folder.mkdir(exist_ok=True)
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        path = self.shop.path("serviceaccounts", "suture-target/token")
        answer = await self.shop.cluster.call("POST", path, request)
        config = server()
        parts = urlsplit(config["server"])
        self.server = (parts.hostname or "", parts.port or 443)
        (self.folder / "token").write_text(answer["status"]["token"])
        (self.folder / "ca").write_bytes(base64.b64decode(config["certificate-authority-data"]))

    def adopt(self, other: Runner, port: int) -> None:
        """Use another one's credentials, at a port of one's own."""
        self.folder.mkdir(exist_ok=True)
        self.server = (other.server[0], port)
        for name in ("token", "ca"):
            (self.folder / name).write_bytes((other.folder / name).read_bytes())

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
async def test_a_runner_killed_around_any_request_is_finished_by_the_next(
    shop, tmp_path: Path, mode, record_property
) -> None:
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
    ends = dict(sorted(collections.Counter(outcomes).items()))
    record_property(
        "counted", f"runner of manifests, {mode}: killed at {step - 1} points, {step} claims, {ends}"
    )
    assert step > (15 if mode == "apply" else 6)


async def test_runners_whose_api_server_is_away_for_30_seconds_go_on_and_write_once(
    shop, tmp_path: Path, record_property
) -> None:
    """It goes away while runners that were started one after another are at different steps."""
    runners = [Runner(shop, tmp_path / str(number)) for number in range(AWAY)]
    await runners[0].prepare()
    # A run takes longer than the last one has before the end, however fast the machine is.
    proxy = Proxy(*runners[0].server, delay=0.05)
    port = await proxy.open()
    running = []
    for number, runner in enumerate(runners):
        runner.adopt(runners[0], port)
        body = config_maps(f"web-{number}", f"made-{number}")
        await shop.config(f"web-{number}", host="old")
        running.append(
            asyncio.create_task(runner.run(shop.plan(body, name=f"away-{number}"), 0, f"a-{number}"))
        )
        await asyncio.sleep(0.4)
    await proxy.close()
    ended = sum(one.done() for one in running)
    versions = {name: await version(shop, name) for name in names()}
    await asyncio.sleep(30)
    await proxy.open(port)
    outcomes = collections.Counter([(await one)[1] for one in running])
    await proxy.close()
    rewritten = [name for name in names() if versions[name] not in (None, await version(shop, name))]
    claims = len(await shop.claims())
    counts = f"{claims} claims, {dict(outcomes)}, {ended} had ended before"
    record_property("counted", f"{AWAY} runners without their API server for 30 s: {counts}")
    assert outcomes == {"succeeded": AWAY}
    assert claims == AWAY
    assert ended < AWAY
    # What was there before it went away was not made anew.
    assert [name for name in rewritten if name.startswith("made")] == []


def names() -> list[str]:
    return [f"{kind}-{number}" for kind in ("web", "made") for number in range(AWAY)]


async def version(shop, name: str) -> str | None:
    found = await shop.cluster.find(shop.path("configmaps", name))
    return found["metadata"]["resourceVersion"] if found else None
