"""Every run pays for what the runner imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import suture_sandbox

LIST = """
import sys
sys.path.insert(0, sys.argv[1])
import suture_sandbox.runner.main
print("\\n".join(name for name in sys.modules if "." not in name))
"""


def loaded() -> set[str]:
    source = str(Path(suture_sandbox.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LIST, source], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_runner_is_of_the_standard_library_alone() -> None:
    assert loaded() - set(sys.stdlib_module_names) == {"__main__", "suture_sandbox"}


def test_the_runner_loads_nothing_that_is_slow_to_load() -> None:
    assert not loaded() & {
        "subprocess",
        "asyncio",
        "hashlib",
        "ssl",
        "pathlib",
        "tempfile",
        "shutil",
        "difflib",
        "typing",
    }
