"""The list of commands: it is there at once, and what it lists can be called."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import Result
from suture_cli.main import COMMANDS

_PROBE = """
import sys
from suture_cli.main import main

main(["--help"], standalone_mode=False)
print(*(name for name in sys.modules if name in {"pydantic", "httpx", "aio_pika", "rich"}), file=sys.stderr)
"""


def test_help_imports_no_command() -> None:
    done = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=True)
    assert "validate  " in done.stdout
    assert done.stderr.split() == []


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_listed_explains_itself(name: str, suture: Callable[..., Result]) -> None:
    result = suture(name, "--help")
    assert result.exit_code == 0
    usage = result.stdout.split("\n", 1)[0].split()
    assert usage[0] == "Usage:"
    assert name in usage


def test_help_lists_each_command_with_its_line(suture: Callable[..., Result]) -> None:
    shown = " ".join(suture("--help").stdout.split())
    for name, (_, line) in COMMANDS.items():
        assert f"{name} {line}" in shown
