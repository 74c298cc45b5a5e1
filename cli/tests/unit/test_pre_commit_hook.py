"""The hook for others' repositories, run by the real pre-commit on a repository with good and bad scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOOKS = Path(__file__).parents[3] / ".pre-commit-hooks.yaml"
_CONFIG = """repos:
  - repo: file://{hooks}
    rev: {revision}
    hooks:
      - id: suture-validate
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    hooks, scripts = tmp_path / "hooks", tmp_path / "scripts"
    for folder in (hooks, scripts):
        folder.mkdir()
        _run(folder, "git", "init", "-q")
    (hooks / HOOKS.name).write_text(HOOKS.read_text())
    _run(hooks, "git", "add", "-A")
    author = ("-c", "user.name=hooks", "-c", "user.email=hooks@example.org", "-c", "commit.gpgsign=false")
    _run(hooks, "git", *author, "commit", "-q", "-m", "hooks")
    revision = _run(hooks, "git", "rev-parse", "HEAD").stdout.strip()
    (scripts / ".pre-commit-config.yaml").write_text(_CONFIG.format(hooks=hooks, revision=revision))
    (scripts / "good.sh").write_text("#!/bin/bash\nset -euo pipefail\nsystemctl restart nginx\n")
    (scripts / "rm.txt").write_text("rm -rf /\n")
    return scripts


def test_a_commit_with_harmless_scripts_passes(repository: Path) -> None:
    done = _hook(repository)
    assert done.returncode == 0, done.stdout
    assert "Passed" in done.stdout


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("bad.sh", "#!/bin/bash\nrm -rf /\n", "filesystem.remove"),
        ("bad.sql", "drop table users;\n", "sql.drop"),
    ],
)
def test_a_commit_with_a_dangerous_script_fails_and_says_where(
    repository: Path, name: str, text: str, rule: str
) -> None:
    (repository / name).write_text(text)
    done = _hook(repository)
    assert done.returncode == 1
    assert f"{name}:" in done.stdout
    assert f"error {rule}" in done.stdout
    assert "rm.txt" not in done.stdout


def _hook(repository: Path) -> subprocess.CompletedProcess[str]:
    _run(repository, "git", "add", "-A")
    return _run(repository, sys.executable, "-m", "pre_commit", "run", "--all-files", check=False)


def _run(folder: Path, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment["PRE_COMMIT_HOME"] = str(folder.parent / "pre-commit")
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=check)
