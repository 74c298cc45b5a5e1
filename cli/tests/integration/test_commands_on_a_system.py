"""The commands against six real services: what a person does in a day, in one go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import pytest
from suture_contracts.topology import EVENTS_EXCHANGE
from suture_local.stack import Options, Stack
from suture_testkit.servers import Addresses
from suture_testkit.thread_loop import ThreadLoop

Suture = Callable[..., "subprocess.CompletedProcess[str]"]
FINDING = {
    "anomaly_id": "anomaly-1",
    "root_cause_category": "Configuration",
    "root_cause_details": "Missing configuration file for database connection",
    "confidence_score": "HIGH",
    "suggested_actions": ["Create missing configuration file"],
}


@pytest.fixture(scope="module")
def stack(
    suture_servers: Addresses, suture_loop: ThreadLoop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    name = f"cli-{uuid4().hex[:12]}"
    broker_url = suture_loop.run(suture_servers.vhosts().create_vhost(name))
    options = Options(broker_url=broker_url, store_url=suture_servers.store, database=name.replace("-", "_"))
    stack = Stack(tmp_path_factory.mktemp("cli"), options)
    suture_loop.run(stack.start())
    yield stack
    suture_loop.run(stack.stop())
    suture_loop.run(suture_servers.vhosts().delete_vhost(name))


@pytest.fixture
def suture(stack: Stack, tmp_path: Path) -> Suture:
    """Runs the command where a run file leads to the stack."""
    (tmp_path / ".suture").mkdir()
    run = {"api": stack.api_url, "keys": dict(stack.tokens)}
    (tmp_path / ".suture" / "run.json").write_text(json.dumps(run))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SUTURE_")}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "suture_cli", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


@pytest.fixture
def program(tmp_path: Path, suture: Suture) -> Path:
    """A program whose configuration is missing, registered under its folder's name."""
    root = tmp_path / f"program-{uuid4().hex[:8]}"
    for part in ("etc", "known-good"):
        (root / part).mkdir(parents=True)
    (root / "known-good" / "database.conf").write_text("host=db\n")
    target = {
        "id": root.name,
        "kind": "local",
        "reach": {"root": str(root)},
        "facts": {
            "config_path": str(root / "etc" / "database.conf"),
            "known_good_source": str(root / "known-good" / "database.conf"),
        },
    }
    (tmp_path / "target.json").write_text(json.dumps(target))
    added = suture("targets", "add", "target.json")
    assert added.returncode == 0, added.stderr
    return root


def _finding(folder: Path, **changes: Any) -> str:
    path = folder / f"finding-{uuid4().hex[:8]}.json"
    path.write_text(json.dumps({**FINDING, **changes}))
    return str(path)


def test_a_fix_is_submitted_shown_and_taken_back(suture: Suture, program: Path, tmp_path: Path) -> None:
    submitted = suture("submit", _finding(tmp_path, affected_systems=[program.name]), "--wait", "40")
    assert (submitted.returncode, submitted.stdout.split()[-1]) == (0, "succeeded"), submitted.stdout
    remediation_id = submitted.stdout.split()[0]
    assert (program / "etc" / "database.conf").read_text() == "host=db\n"
    shown = suture("show", remediation_id).stdout
    assert all(text in shown for text in ("template_match", "safety score", "bubblewrap", str(program)))
    assert remediation_id in suture("list", "--state", "succeeded").stdout
    assert suture("watch", remediation_id).returncode == 0
    taken_back = suture("rollback", remediation_id, "--reason", "test", "--wait", "40")
    assert taken_back.returncode == 0, taken_back.stdout + taken_back.stderr
    assert not (program / "etc" / "database.conf").exists()


def test_a_script_that_waits_is_approved_once_as_it_was_seen(
    suture: Suture, program: Path, tmp_path: Path
) -> None:
    file = _finding(tmp_path, affected_systems=[program.name], confidence_score="LOW")
    submitted = suture("submit", file, "--wait", "40", "--json")
    waiting = json.loads(submitted.stdout)
    assert (submitted.returncode, waiting["state"]) == (4, "awaiting_approval")
    script_id = waiting["script_id"]
    assert suture("approve", script_id, "--digest", "0" * 12).returncode == 1
    assert suture("approve", script_id, "--as", "operator").returncode == 2
    approved = suture(
        "approve", script_id, "--digest", waiting["script"]["sha256"][:12], "--reason", "read it"
    )
    assert approved.returncode == 0, approved.stderr
    assert suture("watch", waiting["remediation_id"]).returncode == 0
    stale = suture("deny", script_id)
    assert (stale.returncode, len(stale.stderr.splitlines())) == (1, 1)


def test_a_vulnerability_without_a_host_waits_for_its_target(suture: Suture, tmp_path: Path) -> None:
    vulnerability = {
        "vulnerability_id": "CVE-2022-0778",
        "package": "openssl",
        "installed_version": "1.1.1k-1+deb11u1",
        "fixed_version": "1.1.1k-1+deb11u2",
        "distribution": "debian",
        "distribution_version": "11",
    }
    (tmp_path / "cve.json").write_text(json.dumps(vulnerability))
    submitted = suture("submit", "cve.json", "--wait", "40")
    assert submitted.returncode == 4
    assert "awaiting_target" in submitted.stdout
    assert "targets add" in submitted.stderr


def test_nothing_starts_on_a_stopped_target_until_it_is_resumed(
    suture: Suture, program: Path, tmp_path: Path
) -> None:
    assert suture("stop", "--target", program.name, "--reason", "storm").returncode == 0
    submitted = suture("submit", _finding(tmp_path, affected_systems=[program.name]), "--wait", "3")
    assert submitted.returncode == 4, submitted.stdout
    assert not (program / "etc" / "database.conf").exists()
    assert suture("resume", "--target", program.name).returncode == 0
    assert suture("watch", submitted.stdout.split()[0]).returncode == 0


def test_a_script_of_ones_own_is_rehearsed_approved_and_run(
    suture: Suture, program: Path, tmp_path: Path
) -> None:
    config, good = program / "etc" / "database.conf", program / "known-good" / "database.conf"
    (tmp_path / "fix.sh").write_text(f"#!/bin/bash\nset -euo pipefail\ncp {good} {config}\n")
    (tmp_path / "works.sh").write_text(f"#!/bin/bash\ntest -s {config}\n")
    given = ("run", "fix.sh", "--target", program.name, "--verify", "works.sh", "--writes", str(config))
    rehearsed = suture(*given, "--rehearse")
    assert rehearsed.returncode == 0, rehearsed.stdout + rehearsed.stderr
    assert "rehearsed" in rehearsed.stdout
    assert "+host=db" in rehearsed.stdout
    assert f"needs write {config}" in rehearsed.stdout
    assert not config.exists()
    submitted = suture(*given, "--wait", "40", "--json")
    waiting = json.loads(submitted.stdout)
    assert (submitted.returncode, waiting["state"]) == (4, "awaiting_approval")
    approved = suture("approve", waiting["script_id"], "--digest", waiting["script"]["sha256"][:12])
    assert approved.returncode == 0, approved.stderr
    assert suture("watch", waiting["remediation_id"]).returncode == 0
    assert config.read_text() == "host=db\n"


async def test_a_dead_letter_is_found_replayed_and_dropped(stack: Stack, suture: Suture) -> None:
    mark = uuid4().hex
    connection = await aio_pika.connect(stack.broker_url)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(EVENTS_EXCHANGE)
        attributes = {"specversion": "1.0", "id": mark, "source": "cli", "type": "rca.received"}
        headers = {f"cloudEvents_{name}": value for name, value in attributes.items()}
        body = json.dumps({**FINDING, "root_cause_category": "Weather"}).encode()
        message = aio_pika.Message(body, headers=headers, content_type="application/json", message_id=mark)
        await exchange.publish(message, "rca.received")
    letter = _letter(suture, mark)
    shown = suture("dead-letters", "show", letter["id"]).stdout
    assert "root_cause_category" in shown
    assert "Weather" in shown
    assert suture("dead-letters", "replay", letter["id"]).returncode == 0
    letter = _letter(suture, mark)
    assert suture("dead-letters", "drop", letter["id"]).returncode == 0


def _letter(suture: Suture, mark: str) -> dict[str, Any]:
    """The analyzer's dead letter of this message, once it is there."""
    for _ in range(40):
        letters = json.loads(suture("dead-letters", "list", "--json").stdout)["dead_letters"]
        mine = [one for one in letters if one["message_id"] == mark and one["origin"].startswith("analyzer")]
        if mine:
            return dict(mine[0])
    raise AssertionError("the message is not among the dead letters")


def test_targets_are_listed_and_removed(suture: Suture, program: Path) -> None:
    assert program.name in suture("targets", "list").stdout
    assert suture("targets", "remove", program.name).returncode == 0
    assert program.name not in suture("targets", "list").stdout
    assert suture("targets", "remove", "never-there").returncode == 2
