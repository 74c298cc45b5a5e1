"""The file templates on real files: the check fails before and passes after, the way back leaves nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from suture_contracts.script import ScriptDocument
from suture_generation.catalog import released_templates
from suture_generation.render import CompiledTemplate

TEMPLATES = {template.id: template for template in released_templates()}
Prepare = Callable[[Path], dict[str, Any]]


def missing(folder: Path) -> dict[str, Any]:
    (folder / "good").write_text("host = db\n")
    return {"config_path": f"{folder}/app.conf", "known_good_source": f"{folder}/good"}


def damaged(folder: Path) -> dict[str, Any]:
    (folder / "app.conf").write_bytes(b"\xff\xfe no config")
    return missing(folder)


def pool(folder: Path) -> dict[str, Any]:
    (folder / "app.conf").write_text("# pool\nhost=db\n pool_size = 5\npool_size=6\npool_size_max=9\nlast=x")
    return {"config_path": f"{folder}/app.conf", "setting": "pool_size", "value": 40}


def setting(folder: Path) -> dict[str, Any]:
    (folder / "app.conf").write_text("debug: true\nmode: x\n")
    return {"config_path": f"{folder}/app.conf", "setting": "debug", "value": "false", "separator": ": "}


def mode(folder: Path) -> dict[str, Any]:
    (folder / "app.conf").write_text("x\n")
    (folder / "app.conf").chmod(0o666)
    return {"path": f"{folder}/app.conf", "mode": "0640"}


def log(folder: Path) -> dict[str, Any]:
    (folder / "app.log").write_text("line\n" * 5000)
    return {"log_path": f"{folder}/app.log", "max_bytes": 1000}


def drifted(folder: Path) -> dict[str, Any]:
    (folder / "app.conf").write_text("changed by hand\n")
    return missing(folder)


def old_files(folder: Path) -> Path:
    for number in range(30):
        path = folder / f"dump {number}"
        path.write_text("x" * 100)
        os.utime(path, (1_600_000_000, 1_600_000_000))
    (folder / "today").write_text("new")
    return folder


def full(folder: Path) -> dict[str, Any]:
    return {"folder": str(old_files(folder)), "max_bytes": 1_000}


def crowded(folder: Path) -> dict[str, Any]:
    return {"folder": str(old_files(folder)), "max_files": 10}


def resolver(folder: Path) -> dict[str, Any]:
    (folder / "resolv.conf").write_text("search x\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n")
    return {"config_path": f"{folder}/resolv.conf", "nameserver": "10.0.0.2"}


def hosts(folder: Path) -> dict[str, Any]:
    (folder / "hosts").write_text("127.0.0.1 localhost\n10.0.0.9 db db.internal\n")
    return {"config_path": f"{folder}/hosts", "host_name": "db.internal", "address": "10.0.0.20"}


def cron(folder: Path) -> dict[str, Any]:
    (folder / "jobs").write_text("# report\n0 * * * * app /bin/report --daily\n5 5 * * * app /bin/other\n")
    values = {"command": "/bin/report --daily", "schedule": "15 3 * * *"}
    return {"config_path": f"{folder}/jobs", **values}


def unrotated(folder: Path) -> dict[str, Any]:
    return {"name": "orders", "log_path": "/srv/orders.log", "folder": str(folder)}


CASES: list[tuple[str, Prepare]] = [
    ("missing-configuration-file", missing),
    ("missing-configuration-file", damaged),
    ("connection-pool-size", pool),
    ("configuration-hardening", setting),
    ("file-permissions", mode),
    ("rotate-log", log),
    ("configuration-drift", drifted),
    ("disk-cleanup", full),
    ("inode-cleanup", crowded),
    ("dns-resolver", resolver),
    ("hosts-entry", hosts),
    ("cron-entry", cron),
    ("logrotate-rule", unrotated),
]


def run(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False, timeout=20)


def state_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mode, path.read_bytes()) for path in folder.iterdir()}


def made(template_id: str, values: dict[str, Any]) -> ScriptDocument:
    return CompiledTemplate(TEMPLATES[template_id]).render(values)


@pytest.mark.parametrize(("template_id", "prepare"), CASES)
def test_a_fix_turns_its_check_from_failing_to_passing_and_back(
    template_id: str, prepare: Prepare, tmp_path: Path
) -> None:
    document = made(template_id, prepare(tmp_path))
    before = state_of(tmp_path)

    assert run(document.verify).returncode != 0
    assert state_of(tmp_path) == before
    applied = run(document.body)
    assert applied.returncode == 0, applied.stderr
    assert run(document.verify).returncode == 0
    changed = {name for name, state in state_of(tmp_path).items() if before.get(name) != state}
    declared = {Path(write) for write in document.writes}
    assert all({tmp_path / name, tmp_path} & declared for name in changed)

    taken_back = run(document.rollback)
    assert taken_back.returncode == 0, taken_back.stderr
    assert state_of(tmp_path) == before


def test_a_pool_size_replaces_its_first_line_and_leaves_every_other_as_it_is(tmp_path: Path) -> None:
    run(made("connection-pool-size", pool(tmp_path)).body)
    assert (tmp_path / "app.conf").read_text() == "# pool\nhost=db\npool_size=40\npool_size_max=9\nlast=x\n"


def test_a_missing_known_good_copy_changes_nothing(tmp_path: Path) -> None:
    values = {"config_path": f"{tmp_path}/app.conf", "known_good_source": f"{tmp_path}/gone"}
    assert run(made("missing-configuration-file", values).body).returncode == 3
    assert state_of(tmp_path) == {}


def test_taking_back_what_was_never_done_changes_nothing(tmp_path: Path) -> None:
    for number, (template_id, prepare) in enumerate(CASES[1:]):
        folder = tmp_path / str(number)
        folder.mkdir()
        values = prepare(folder)
        before = state_of(folder)
        assert run(made(template_id, values).rollback).returncode == 0
        assert state_of(folder) == before


def test_a_schedule_is_set_on_the_line_of_its_command_alone(tmp_path: Path) -> None:
    run(made("cron-entry", cron(tmp_path)).body)
    lines = (tmp_path / "jobs").read_text().splitlines()
    assert lines == ["# report", "15 3 * * * app /bin/report --daily", "5 5 * * * app /bin/other"]


def test_a_cleanup_leaves_what_is_new(tmp_path: Path) -> None:
    run(made("disk-cleanup", full(tmp_path)).body)
    assert {path.name for path in tmp_path.iterdir()} == {"today", "suture-backup.tar.gz"}
