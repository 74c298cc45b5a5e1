"""The package templates on the real apt, dnf (also as yum) and zypper, in roots of their own.

The tools are called through wrappers that name the root; the scripts are those of the templates, but for the
folder where they keep what was there before.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from suture_contracts.script import ScriptDocument
from suture_generation.catalog import released_templates
from suture_generation.render import CompiledTemplate
from suture_testkit.packages import MANAGERS, YUM, PackageRoot

TEMPLATES = {template.id: template for template in released_templates()}
VERSIONS = ("1.0-2", "1.0-9", "1.0-10")
"""The second and the third compare otherwise as texts."""


class Machine(PackageRoot):
    """Runs what the templates say, but for the folder where they keep what was there before."""

    def script(self, version: str = "1.0-10", package: str = PackageRoot.package) -> ScriptDocument:
        values = {"package_manager": self.manager, "package": package, "fixed_version": version}
        return CompiledTemplate(TEMPLATES[f"package-update-{self.manager}"]).render(values)

    def run(self, text: str, *, check: bool = False) -> subprocess.CompletedProcess[str]:
        return super().run(text.replace("/var/backups/suture", str(self.folder / "state")), check=check)


@pytest.fixture(params=[*MANAGERS, YUM])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """With 1.0-2 installed, and all versions on offer."""
    made = Machine(tmp_path / "machine", request.param)
    made.offer(*VERSIONS)
    made.install("1.0-2")
    return made


def now(machine: Machine) -> str:
    return machine.packages()[machine.package]


def test_exactly_the_fixed_version_is_installed_verified_and_taken_back(machine: Machine) -> None:
    script = machine.script("1.0-9")
    assert machine.run(script.verify).returncode != 0
    applied = machine.run(script.body)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert now(machine) == "1.0-9"
    assert machine.run(script.verify).returncode == 0
    taken_back = machine.run(script.rollback)
    assert taken_back.returncode == 0, taken_back.stdout + taken_back.stderr
    assert now(machine) == "1.0-2"


def test_versions_compare_as_the_package_manager_compares_them(machine: Machine) -> None:
    assert machine.run(machine.script("1.0-10").body).returncode == 0
    assert now(machine) == "1.0-10"
    assert machine.run(machine.script("1.0-9").verify).returncode == 0


def unknown_package(machine: Machine) -> ScriptDocument:
    return machine.script(package="suture-unknown")


def vanished(machine: Machine) -> ScriptDocument:
    return machine.script("1.0-11")


def unmet(machine: Machine) -> ScriptDocument:
    machine.offer("2.0-1", depends="suture-nowhere")
    return machine.script("2.0-1")


@pytest.mark.parametrize(
    ("prepare", "code", "said"),
    [
        (unknown_package, 3, "is not installed"),
        (vanished, 6, "no repository has"),
        (unmet, 8, "dependencies"),
    ],
)
def test_an_update_that_cannot_be_made_ends_with_its_name_and_changes_nothing(
    machine: Machine, prepare: Callable[[Machine], ScriptDocument], code: int, said: str
) -> None:
    ended = machine.run(prepare(machine).body)
    assert (ended.returncode, said in ended.stderr + ended.stdout) == (code, True), (
        ended.stdout + ended.stderr
    )
    assert now(machine) == "1.0-2"


def test_a_package_that_is_held_stays(machine: Machine) -> None:
    if machine.manager == "apt":
        assert machine.run("apt-mark hold suture-example").returncode == 0
    elif machine.manager == "zypper":
        assert machine.run("zypper --non-interactive addlock suture-example").returncode == 0
    else:
        wrapper = machine.bin / machine.manager
        wrapper.write_text(wrapper.read_text().replace('"$@"', '--exclude=suture-example "$@"'))
    ended = machine.run(machine.script().body)
    assert ended.returncode == 5, ended.stdout + ended.stderr
    assert now(machine) == "1.0-2"


HOLDER = """
import fcntl, os, sys, time
file = open(sys.argv[1], "w")
if sys.argv[2] == "apt":
    fcntl.lockf(file, fcntl.LOCK_EX)
else:
    file.write(str(os.getpid()))
    file.flush()
print("locked", flush=True)
time.sleep(60)
"""
"""apt locks the file; dnf and zypper look whether the process lives whose number it holds."""


def lock_of(machine: Machine) -> Path:
    if machine.manager == "apt":
        return machine.root / "var/lib/dpkg/lock-frontend"
    if machine.manager == "zypper":
        return machine.root / "run/zypp.pid"
    return machine.root / "var/lib/dnf/rpmdb_lock.pid"


def test_a_lock_that_another_program_holds_is_named(machine: Machine) -> None:
    lock = lock_of(machine)
    lock.parent.mkdir(parents=True, exist_ok=True)
    command = ["python3", "-c", HOLDER, str(lock), machine.manager]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        ended = machine.run(machine.script().body)
    finally:
        holder.kill()
        holder.wait()
    assert ended.returncode == 7, ended.stdout + ended.stderr
    assert now(machine) == "1.0-2"
