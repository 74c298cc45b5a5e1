"""The package templates on the real apt, dnf (also as yum) and zypper, in roots of their own.

The tools are called through wrappers that name the root; the scripts are those of the templates, but for the
folder where they keep what was there before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from suture_contracts.script import ScriptDocument
from suture_generation.catalog import released_templates
from suture_generation.render import CompiledTemplate
from suture_testkit.apt import write_debs

TEMPLATES = {template.id: template for template in released_templates()}
RPM_TOOLS = all(shutil.which(tool) for tool in ("dnf", "zypper", "rpmbuild", "createrepo_c"))
needs_rpm_tools = pytest.mark.skipif(not RPM_TOOLS, reason="apt-get install dnf zypper rpm createrepo-c")
MANAGERS = [
    "apt",
    *(pytest.param(manager, marks=needs_rpm_tools) for manager in ("dnf", "yum", "zypper")),
]
VERSIONS = ("1.0-2", "1.0-9", "1.0-10")
"""The second and the third compare otherwise as texts."""


class Machine:
    """A root with a package manager, and a repository that holds some versions of one package."""

    def __init__(self, folder: Path, manager: str) -> None:
        self.manager = manager
        self.root, self.repository, self.bin = (folder / name for name in ("root", "repository", "bin"))
        self.state = folder / "state"
        for path in (self.root, self.repository, self.bin):
            path.mkdir()

    def script(self, version: str = "1.0-10", package: str = "suture-example") -> ScriptDocument:
        values = {"package_manager": self.manager, "package": package, "fixed_version": version}
        return CompiledTemplate(TEMPLATES[f"package-update-{self.manager}"]).render(values)

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        moved = text.replace("/var/backups/suture", str(self.state))
        path = f"{self.bin}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", moved],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def wrap(self, tool: str, *options: str, real: str | None = None) -> None:
        path = self.bin / tool
        given = " ".join(f"'{option}'" for option in options)
        path.write_text(f'#!/bin/sh\nexec {real or shutil.which(tool)} {given} "$@"\n')
        path.chmod(0o755)


def deb_machine(folder: Path) -> Machine:
    machine = Machine(folder, "apt")
    root = machine.root
    for name in (
        "etc/apt/apt.conf.d",
        "etc/apt/preferences.d",
        "etc/apt/sources.list.d",
        "var/lib/dpkg/info",
    ):
        (root / name).mkdir(parents=True)
    for name in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/log/apt"):
        (root / name).mkdir(parents=True)
    for name in ("var/lib/dpkg/status", "var/lib/dpkg/available"):
        (root / name).touch()
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{machine.repository} ./\n")
    options = [f"Dir={root}", f"Dir::State::status={root}/var/lib/dpkg/status", "APT::Sandbox::User=root"]
    options += [f"DPkg::Options::=--root={root}", "DPkg::Options::=--force-not-root"]
    given = [part for option in options for part in ("-o", option)]
    for tool in ("apt-get", "apt-cache", "apt-mark"):
        machine.wrap(tool, *given)
    machine.wrap("dpkg-query", f"--admindir={root}/var/lib/dpkg")
    machine.wrap("dpkg", f"--root={root}")
    return machine


def offer_debs(machine: Machine, versions: tuple[str, ...], depends: str = "") -> None:
    entries = write_debs(machine.repository, "suture-example", versions, depends)
    (machine.repository / "Packages").write_text(entries)


def rpm_machine(folder: Path, manager: str) -> Machine:
    machine = Machine(folder, manager)
    root = machine.root
    machine.wrap("rpm", f"--root={root}")
    subprocess.run([machine.bin / "rpm", "--initdb"], check=True, capture_output=True)
    options = [f"--installroot={root}", "--setopt=reposdir=/dev/null", "--nogpgcheck", "--releasever=8"]
    options += [f"--repofrompath=local,file://{machine.repository}", f"--setopt=cachedir={folder}/cache"]
    options += ["--setopt=metadata_expire=0", "--disableplugin=*"]
    machine.wrap("dnf", *options)
    machine.wrap("yum", *options, real=shutil.which("dnf"))
    # Its lock is the machine's own otherwise, whatever the root is.
    real = f"env ZYPP_LOCKFILE_ROOT={root} {shutil.which('zypper')}"
    machine.wrap("zypper", "--root", str(root), "--no-gpg-checks", real=real)
    return machine


SPEC = """Name: suture-example
Version: {version}
Release: {release}
Summary: an example
License: MIT
BuildArch: noarch
{requires}
%description
An example.
%files
"""


def offer_rpms(machine: Machine, versions: tuple[str, ...], depends: str = "") -> None:
    for version in versions:
        number, _, release = version.partition("-")
        spec = machine.repository / "example.spec"
        requires = f"Requires: {depends}" if depends else ""
        spec.write_text(SPEC.format(version=number, release=release, requires=requires))
        define = [
            "--define",
            f"_rpmdir {machine.repository}",
            "--define",
            f"_topdir {machine.repository}/build",
        ]
        subprocess.run(["rpmbuild", "-bb", *define, str(spec)], check=True, capture_output=True)
    subprocess.run(["createrepo_c", str(machine.repository)], check=True, capture_output=True)
    shutil.rmtree(machine.root.parent / "cache", ignore_errors=True)
    shutil.rmtree(machine.root / "var/cache/zypp", ignore_errors=True)
    if machine.manager == "zypper" and not (machine.root / "etc/zypp/repos.d/local.repo").exists():
        add = [
            machine.bin / "zypper",
            "--non-interactive",
            "ar",
            "-G",
            f"dir://{machine.repository}",
            "local",
        ]
        subprocess.run(add, check=True, capture_output=True)


def offer(machine: Machine, versions: tuple[str, ...], depends: str = "") -> None:
    (offer_debs if machine.manager == "apt" else offer_rpms)(machine, versions, depends)


INSTALL = {
    "apt": "apt-get update -q && apt-get install -y -q suture-example=1.0-2",
    "dnf": "dnf -y install suture-example-1.0-2",
    "yum": "yum -y install suture-example-1.0-2",
    "zypper": "zypper --non-interactive install suture-example=1.0-2",
}
NOW = {
    "apt": "dpkg-query -W -f='${Version}' suture-example",
    **dict.fromkeys(("dnf", "yum", "zypper"), "rpm -q --qf '%{VERSION}-%{RELEASE}' suture-example"),
}


@pytest.fixture(params=MANAGERS)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """With 1.0-2 installed, and all versions on offer."""
    made = deb_machine(tmp_path) if request.param == "apt" else rpm_machine(tmp_path, request.param)
    offer(made, VERSIONS)
    installed = made.run(INSTALL[made.manager])
    assert installed.returncode == 0, installed.stdout + installed.stderr
    return made


def now(machine: Machine) -> str:
    return machine.run(NOW[machine.manager]).stdout


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
    offer(machine, ("2.0-1",), depends="suture-nowhere")
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
