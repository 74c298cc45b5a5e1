"""The real apt and dpkg in a root of their own, with a repository of one package in some versions."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

_FOLDERS = (
    "etc/apt/apt.conf.d",
    "etc/apt/preferences.d",
    "etc/apt/sources.list.d",
    "var/lib/dpkg/info",
    "var/lib/apt/lists/partial",
    "var/cache/apt/archives/partial",
    "var/log/apt",
)


class AptRoot:
    """``environment`` leads apt and dpkg into the root; nothing of the machine's own is changed."""

    package = "suture-example"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root, self._repository = folder / "root", folder / "repository"
        self._repository.mkdir(parents=True)
        for name in _FOLDERS:
            (self._root / name).mkdir(parents=True)
        for name in ("var/lib/dpkg/status", "var/lib/dpkg/available"):
            (self._root / name).touch()
        (self._root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{self._repository} ./\n")
        (folder / "apt.conf").write_text(
            f'Dir "{self._root}";\nDir::State::status "{self._root}/var/lib/dpkg/status";\n'
            f'APT::Sandbox::User "root";\nDPkg::Options {{ "--root={self._root}"; "--force-not-root"; }};\n'
        )
        self.environment = {
            "APT_CONFIG": str(folder / "apt.conf"),
            "DPKG_ADMINDIR": str(self._root / "var/lib/dpkg"),
        }

    def offer(self, *versions: str) -> None:
        """Make these versions, and no others, what the repository has."""
        entries = write_debs(self._repository, self.package, versions)
        (self._repository / "Packages").write_text(entries)

    def install(self, version: str) -> None:
        self._run("apt-get", "update", "-q")
        self._run("apt-get", "install", "-y", "-q", "--allow-downgrades", f"{self.package}={version}")

    def packages(self) -> dict[str, str]:
        """Every installed package with its version."""
        lines = self._run("dpkg-query", "-W", "-f", "${Package} ${Version}\n").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def _run(self, *command: str) -> str:
        environment = {**os.environ, **self.environment, "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout


def write_debs(repository: Path, package: str, versions: tuple[str, ...], depends: str = "") -> str:
    """Build an empty package in each version; the repository's index of them."""
    entries = []
    for version in versions:
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
        entries.append(f"{control}Filename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n")
    return "\n".join(entries)
