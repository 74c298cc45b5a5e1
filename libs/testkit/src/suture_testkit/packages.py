"""Real package managers in a root of their own, with a repository of one package in some versions."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

_RPM_TOOLS = all(shutil.which(tool) for tool in ("dnf", "zypper", "rpmbuild", "createrepo_c"))
_needs_rpm_tools = pytest.mark.skipif(not _RPM_TOOLS, reason="apt-get install dnf zypper rpm createrepo-c")
MANAGERS = ["apt", *(pytest.param(manager, marks=_needs_rpm_tools) for manager in ("dnf", "zypper"))]
YUM = pytest.param("yum", marks=_needs_rpm_tools)
"""These are to be tests' parameters; yum is dnf under its older name."""
_APT_FOLDERS = (
    "etc/apt/apt.conf.d",
    "etc/apt/preferences.d",
    "etc/apt/sources.list.d",
    "var/lib/dpkg/info",
    "var/lib/apt/lists/partial",
    "var/cache/apt/archives/partial",
    "var/log/apt",
)
_INSTALL = {
    "apt": "apt-get update -q && apt-get install -y -q --allow-downgrades {}={}",
    "dnf": "dnf -y install {}-{}",
    "yum": "yum -y install {}-{}",
    "zypper": "zypper --non-interactive install --oldpackage {}={}",
}
_SPEC = """Name: {package}
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


class PackageRoot:
    """``environment`` leads the manager's programs into ``root``; nothing of the machine's own is changed."""

    package = "suture-example"

    def __init__(self, folder: Path, manager: str) -> None:
        self.folder, self.manager = folder, manager
        self.root, self.bin = folder / "root", folder / "bin"
        self._repository = folder / "repository"
        for path in (self.root, self.bin, self._repository):
            path.mkdir(parents=True)
        # Debian's rpm keeps its database below HOME.
        self.environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "HOME": str(folder)}
        if manager == "apt":
            self._lead_apt()
        else:
            self._lead_rpm()

    def offer(self, *versions: str, depends: str = "") -> None:
        """Put the package in these versions into the repository."""
        if self.manager == "apt":
            entries = [_deb(self._repository, self.package, version, depends) for version in versions]
            (self._repository / "Packages").write_text("\n".join(entries))
            return
        for version in versions:
            _build_rpm(self._repository, self.package, version, depends)
        subprocess.run(["createrepo_c", str(self._repository)], check=True, capture_output=True)
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        shutil.rmtree(self.root / "var/cache/zypp", ignore_errors=True)

    def install(self, version: str) -> None:
        self.run(_INSTALL[self.manager].format(self.package, version), check=True)

    def packages(self) -> dict[str, str]:
        """Every installed package with its version."""
        ask = "rpm -qa --qf '%{NAME} %{VERSION}-%{RELEASE}\\n'"
        if self.manager == "apt":
            ask = "dpkg-query -W -f '${Package} ${Version}\\n'"
        return dict(line.split(" ", 1) for line in self.run(ask, check=True).stdout.splitlines())

    def told(self, version: str) -> tuple[str, str]:
        """How the package in that version is called where every package of a machine is."""
        if self.manager == "apt":
            return f"package {self.package}", version
        return f"package {self.package}.noarch", f"0:{version}"

    def run(self, text: str, *, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a shell script that sees the root's packages. With ``check``, raises where it fails."""
        done = subprocess.run(
            ["bash", "-c", text],
            env={**os.environ, **self.environment, "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if check and done.returncode != 0:
            raise RuntimeError(f"{text}: {done.stdout}{done.stderr}")
        return done

    def _lead_apt(self) -> None:
        for name in _APT_FOLDERS:
            (self.root / name).mkdir(parents=True)
        for name in ("var/lib/dpkg/status", "var/lib/dpkg/available"):
            (self.root / name).touch()
        source = f"deb [trusted=yes] file:{self._repository} ./\n"
        (self.root / "etc/apt/sources.list").write_text(source)
        options = [f"Dir={self.root}", f"Dir::State::status={self.root}/var/lib/dpkg/status"]
        options += ["APT::Sandbox::User=root", f"DPkg::Options::=--root={self.root}"]
        options += ["DPkg::Options::=--force-not-root"]
        for tool in ("apt-get", "apt-cache", "apt-mark"):
            self._wrap(tool, *(part for option in options for part in ("-o", option)))
        self._wrap("dpkg-query", f"--admindir={self.root}/var/lib/dpkg")
        self._wrap("dpkg", f"--root={self.root}")

    def _lead_rpm(self) -> None:
        self._wrap("rpm", f"--root={self.root}")
        self.run("rpm --initdb", check=True)
        options = [f"--installroot={self.root}", "--setopt=reposdir=/dev/null", "--nogpgcheck"]
        options += ["--releasever=8", f"--repofrompath=local,file://{self._repository}"]
        options += [f"--setopt=cachedir={self.folder}/cache", "--setopt=metadata_expire=0"]
        options += ["--disableplugin=*"]
        for tool in ("dnf", "yum"):
            self._wrap(tool, *options, real="dnf")
        # Its lock is the machine's own otherwise, whatever the root is.
        locks = f"env ZYPP_LOCKFILE_ROOT={self.root} "
        self._wrap("zypper", "--root", str(self.root), "--no-gpg-checks", before=locks)
        if self.manager == "zypper":
            self.run(f"zypper --non-interactive ar -G dir://{self._repository} local", check=True)

    def _wrap(self, tool: str, *options: str, real: str = "", before: str = "") -> None:
        path = self.bin / tool
        given = " ".join(f"'{option}'" for option in options)
        path.write_text(f'#!/bin/sh\nexec {before}{shutil.which(real or tool)} {given} "$@"\n')
        path.chmod(0o755)


def _deb(repository: Path, package: str, version: str, depends: str) -> str:
    """Build an empty package; its entry in the repository's index."""
    tree = repository / f"tree-{version}"
    (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
    control = f"Package: {package}\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\n"
    control += f"Version: {version}\nDescription: an example\n"
    control += f"Depends: {depends}\n" if depends else ""
    (tree / "DEBIAN" / "control").write_text(control)
    file = repository / f"{package}_{version}_all.deb"
    build = ["dpkg-deb", "--root-owner-group", "-b", str(tree), str(file)]
    subprocess.run(build, check=True, capture_output=True)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{control}Filename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n"


def _build_rpm(repository: Path, package: str, version: str, depends: str) -> None:
    number, _, release = version.partition("-")
    spec = repository / "example.spec"
    requires = f"Requires: {depends}" if depends else ""
    spec.write_text(_SPEC.format(package=package, version=number, release=release, requires=requires))
    places = {"_rpmdir": repository, "_topdir": repository / "build"}
    define = [word for name, place in places.items() for word in ("--define", f"{name} {place}")]
    subprocess.run(["rpmbuild", "-bb", *define, str(spec)], check=True, capture_output=True)
