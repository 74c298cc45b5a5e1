"""Services and packages on a host that registered no sandbox, and reloads on one that did."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from suture_contracts.script import Limits
from suture_testkit.packages import MANAGERS, YUM
from suture_testkit.postgres import free_port

INIT = """#!/bin/sh
# What `service NAME restart` runs: a daemon that reads its configuration when it starts.
cd {root}
case "$1" in
  stop|restart) start-stop-daemon --stop --quiet --oknodo --retry 5 --pidfile {root}/pid --remove-pidfile ;;
esac
case "$1" in
  start|restart)
    . ./db.conf || exit 1
    start-stop-daemon --start --quiet --background --make-pidfile --pidfile {root}/pid \\
      --chdir {root}/$folder --exec {python} -- -I -m http.server --bind 127.0.0.1 {port} ;;
esac
"""
PYTHON = "/usr/bin/python3"


class Service:
    """A daemon under a stand-in for init, which serves the folder that its configuration names."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.init = root / "init"
        for name in ("old", "new"):
            (root / name).mkdir()
            (root / name / "index.html").write_text(name)
        (root / "db.conf").write_text("folder=old\n")
        self.init.write_text(INIT.format(root=root, port=self.port, python=PYTHON))
        self.init.chmod(0o755)

    def control(self, verb: str) -> None:
        subprocess.run([self.init, verb], check=True)

    def serves(self) -> str:
        for _ in range(50):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as answer:
                    return str(answer.read().decode())
            except OSError:
                time.sleep(0.1)
        return "nothing"


@pytest.fixture
def service(host):
    made = Service(host.root)
    made.control("start")
    try:
        yield made
    finally:
        made.control("stop")


def asks(service: Service, wanted: str) -> str:
    """A verification over HTTP, which gives a daemon its time to start."""
    return (
        f"for _ in $(seq 50); do"
        f' test "$(curl -fs http://127.0.0.1:{service.port}/)" = {wanted} && exit 0; sleep 0.1; done; exit 1'
    )


async def test_a_service_is_restarted_and_outlives_the_run(host, service) -> None:
    host.registered = {"sandbox": "none"}
    body = f"set -e; echo folder=new > {host.config}; {service.init} restart"
    fields = {
        "name": "restart",
        "verify": f"grep -q new {host.config}; {asks(service, 'new')}",
        "rollback": f"echo folder=old > {host.config}; {service.init} restart",
    }
    result = await host.run(body, **fields)
    assert (result.outcome, result.detail) == ("succeeded", ""), result.output_tail
    assert f"none: scripts run on the host as {host.sshd.user}" in result.isolation
    assert "-folder=old\n+folder=new\n" in result.diff
    assert await asyncio.to_thread(service.serves) == "new"
    assert (await host.run(body, **fields, mode="rollback")).outcome == "rolled_back"
    assert await asyncio.to_thread(service.serves) == "old"
    assert host.config.read_text() == "folder=old\n"


async def test_a_reload_that_the_target_registered_follows_each_change(host, service) -> None:
    """The script is in its sandbox and reaches no service; the command is the target's own."""
    host.registered = {"reload": [{"path": str(host.config), "command": [str(service.init), "restart"]}]}
    good = await host.run(f"echo folder=new > {host.config}", name="good", verify=f"grep new {host.config}")
    assert (good.outcome, good.detail) == ("succeeded", "")
    assert await asyncio.to_thread(service.serves) == "new"
    back = await host.run("", name="good", mode="rollback")
    assert back.outcome == "rolled_back"
    assert await asyncio.to_thread(service.serves) == "old"


async def test_a_reload_that_fails_takes_the_change_back_and_is_asked_again(host, service) -> None:
    host.registered = {"reload": [{"path": str(host.root), "command": [str(service.init), "restart"]}]}
    broken = await host.run(f"echo 'exit 7' > {host.config}", verify=f"grep -q exit {host.config}")
    assert broken.outcome == "rolled_back"
    assert f"the target's reload for {host.root} failed: {service.init} restart: exit code 7" in broken.detail
    assert host.config.read_text() == "folder=old\n"
    assert await asyncio.to_thread(service.serves) == "old"


async def test_a_rollback_whose_reload_fails_says_so(host) -> None:
    host.registered = {"reload": [{"path": str(host.root), "command": ["/bin/false"]}]}
    result = await host.run(f"echo host=db > {host.config}")
    assert result.outcome == "rollback_failed"
    assert "restored, but the target's reload" in result.detail
    assert host.config.read_text() == "broken\n"


@pytest.mark.parametrize("manager", ["apt", YUM])
async def test_a_package_is_updated_and_taken_back_version_for_version(host, packages, update) -> None:
    before = packages.packages()
    result = await host.run(**update(), name="update")
    assert (result.outcome, result.detail) == ("succeeded", ""), result.output_tail
    assert packages.packages() == {packages.package: "1.0-9"}
    (name, old), (_, new) = packages.told("1.0-2"), packages.told("1.0-9")
    assert f"# {name}: {old} -> {new}\n" in result.diff
    assert result.after[name] == new
    back = await host.run(**update(), name="update", mode="rollback")
    assert (back.outcome, back.detail) == ("rolled_back", ""), back.output_tail
    assert packages.packages() == before
    assert not (packages.folder / "kept").exists()


@pytest.mark.parametrize("manager", ["apt", YUM])
async def test_a_package_whose_verification_fails_is_exactly_the_old_version_again(
    host, packages, update
) -> None:
    before = packages.packages()
    result = await host.run(**update(verify="false"))
    assert (result.outcome, result.detail) == ("rolled_back", "the verification failed after the change")
    assert "returned suture-example to 1.0-2" in result.output_tail
    assert packages.packages() == before
    assert not (packages.folder / "kept").exists()


@pytest.mark.parametrize("manager", [*MANAGERS, YUM])
async def test_a_rollback_that_leaves_another_version_is_not_called_one(host, packages, update) -> None:
    result = await host.run(**update(verify="false", rollback="echo pretends to"))
    assert result.outcome == "rollback_failed"
    (name, old), (_, new) = packages.told("1.0-2"), packages.told("1.0-9")
    assert f"not as before: {name}" in result.detail
    assert (result.before[name], result.after[name]) == (old, new)
    assert "echo pretends to" in result.undo
    assert result.snapshot is not None


async def test_a_runner_that_is_killed_on_the_machine_is_taken_back_by_the_next(host) -> None:
    host.registered = {"sandbox": "none"}
    log = host.root / "log"
    plan = host.plan(
        f"echo ran >> {log}; echo half > {host.config}; sleep 61",
        rollback=f"echo undone >> {log}",
        writes=(str(host.config),),
        verify=f"grep -q host= {host.config}",
    )
    await host.sandbox.start(plan)
    for _ in range(100):
        await asyncio.sleep(0.1)
        if host.config.read_text() == "half\n":
            break
    os.kill(int((host.state / "runs" / plan.run_id / "lock").read_text()), signal.SIGKILL)
    result = await host.sandbox.result(plan.run_id)
    assert (result.outcome, "killed" in result.detail) == ("rolled_back", True)
    assert (host.config.read_text(), log.read_text()) == ("broken\n", "ran\nundone\n")
    listed = await asyncio.to_thread(subprocess.run, ["pgrep", "-f", "^sleep 61"], capture_output=True)
    assert listed.stdout == b""


async def test_a_body_on_the_machine_dies_with_its_deadline_and_what_it_wrote_goes(host) -> None:
    host.registered = {"sandbox": "none"}
    body = f"echo half > {host.config}; sleep 62 & sleep 62"
    result = await host.run(body, limits=Limits(timeout_seconds=2))
    assert (result.outcome, "deadline exceeded" in result.detail) == ("rolled_back", True)
    assert host.config.read_text() == "broken\n"
    listed = await asyncio.to_thread(subprocess.run, ["pgrep", "-f", "^sleep 62"], capture_output=True)
    assert listed.stdout == b""


async def test_what_runs_on_the_machine_itself_cannot_be_rehearsed(host) -> None:
    host.registered = {"sandbox": "none"}
    result = await host.run(f"echo host=db > {host.config}", mode="rehearse")
    assert (result.outcome, "cannot be rehearsed" in result.detail) == ("unknown", True)
    assert host.config.read_text() == "broken\n"
