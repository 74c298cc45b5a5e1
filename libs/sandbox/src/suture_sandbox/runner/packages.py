"""Which packages a machine has, in which version: asked before and after, since no file tells it."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    Versions = dict[str, str]

_ASK = (
    ("dpkg-query", "-W", "-f", "${db:Status-Status} ${binary:Package} ${Version}\n"),
    ("rpm", "-qa", "--qf", "installed %{NAME}.%{ARCH} %{EPOCHNUM}:%{VERSION}-%{RELEASE}\n"),
)
_SECONDS = 60


class Unknown(Exception):
    """A package manager is there and does not answer; the argument says what it said."""


def versions(environment: dict[str, str]) -> Versions:
    """Every installed package; empty where there is no package manager. Raises ``Unknown``."""
    import shutil  # here alone: a run in the sandbox does not pay for it
    import subprocess

    found: Versions = {}
    for command in _ASK:
        if shutil.which(command[0], path=environment.get("PATH", os.defpath)) is None:
            continue
        try:
            done = subprocess.run(
                command, capture_output=True, env=environment, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise Unknown(f"{command[0]} did not answer in {_SECONDS} s") from None
        if done.returncode != 0:
            raise Unknown(f"{command[0]}: {done.stderr.decode(errors='replace').strip()[-300:]}")
        for line in done.stdout.decode(errors="replace").splitlines():
            status, name, version = [*line.split(), "", "", ""][:3]
            if status == "installed":
                # Several versions of one package may be there at once, as kernels are.
                found[name] = " ".join(filter(None, (found.get(name), version)))
    return found


def differing(before: Versions, after: Versions) -> dict[str, tuple[str, str]]:
    """Old and new version by package; ``absent`` where it is not there."""
    names = sorted(before.keys() | after.keys())
    pairs = {name: (before.get(name, "absent"), after.get(name, "absent")) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
