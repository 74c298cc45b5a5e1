import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from suture_local.locks import holder_of

pytestmark = pytest.mark.chaos

SERVICES = {"analyzer", "generator", "validator", "approver", "executor", "gateway"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose system is down before and after."""
    folder = tmp_path_factory.mktemp("system")
    yield folder
    _suture(folder, "down")


def _suture(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "suture_cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def _run_file(folder: Path) -> dict[str, Any]:
    document = json.loads((folder / ".suture" / "run.json").read_text())
    assert isinstance(document, dict)
    return document


def _supervisor_of(folder: Path) -> int:
    pid = holder_of(folder / ".suture" / "lock")
    assert pid is not None
    return pid


def _until(holds: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"did not become true within {seconds} s"
        time.sleep(0.05)


@pytest.mark.timeout(300)
def test_a_system_comes_up_mends_itself_survives_its_supervisor_and_goes_down(folder: Path) -> None:
    # One test, since each start takes a quarter of a minute.
    started = _suture(folder, "up", "--detach", "--json")
    assert started.returncode == 0, started.stderr
    run = _run_file(folder)
    assert json.loads(started.stdout)["api"] == run["api"]
    _check_run_file(folder, run)

    again = _suture(folder, "up", "--detach")
    assert again.returncode == 1
    assert "it runs already" in again.stderr

    _check_that_a_killed_service_is_back(folder, run)

    os.kill(_supervisor_of(folder), signal.SIGKILL)
    pids = [service["pid"] for service in run["services"].values()]
    _until(lambda: not any(_runs(pid) for pid in pids if pid != run["services"]["validator"]["pid"]), 10)
    unreachable = _suture(folder, "list")
    assert unreachable.returncode == 3, unreachable.stderr
    recovered = _suture(folder, "up", "--detach")
    assert recovered.returncode == 0, recovered.stderr
    assert _run_file(folder)["keys"] == run["keys"]

    supervisor = psutil.Process(_supervisor_of(folder))
    everything = [supervisor, *supervisor.children(recursive=True)]
    assert _suture(folder, "down").returncode == 0
    _until(lambda: not any(p.is_running() and p.status() != "zombie" for p in everything), 10)
    assert not (folder / ".suture" / "run.json").exists()
    (folder / ".suture" / "run.json").write_text("what one that was killed left behind")
    assert "nothing runs here" in _suture(folder, "down").stderr
    assert not (folder / ".suture" / "run.json").exists()


def _check_run_file(folder: Path, run: dict[str, Any]) -> None:
    assert stat.S_IMODE((folder / ".suture" / "run.json").stat().st_mode) == 0o600
    assert set(run) == {"api", "broker", "store", "services", "keys"}
    assert set(run["services"]) == SERVICES
    assert set(run["keys"]) == {"agent", "operator", "supervisor", "admin"}
    for service in run["services"].values():
        assert httpx.get(service["health"], trust_env=False).status_code == 200
        assert "# HELP" in httpx.get(service["metrics"], trust_env=False).text
    for key in run["keys"].values():
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.get(f"{run['api']}/api/remediations", headers=headers, trust_env=False)
        assert answer.status_code == 200
    assert httpx.get(f"{run['api']}/api/remediations", trust_env=False).status_code == 401


def _check_that_a_killed_service_is_back(folder: Path, run: dict[str, Any]) -> None:
    killed = run["services"]["validator"]
    os.kill(killed["pid"], signal.SIGKILL)
    _until(lambda: _run_file(folder)["services"]["validator"]["pid"] != killed["pid"], 2)
    _until(lambda: _answers(killed["health"]), 20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
