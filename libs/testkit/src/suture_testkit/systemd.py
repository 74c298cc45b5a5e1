"""A real systemd that runs a machine of its own: init of new namespaces, with units of a test's own."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from suture_testkit.waiting import eventually

_HIERARCHIES = (Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup"))
_PLACE = next((path for path in _HIERARCHIES if (path / "cgroup.procs").exists()), None)
_PROGRAM = "/lib/systemd/systemd"
_RUNS = os.geteuid() == 0 and os.path.exists(_PROGRAM) and _PLACE is not None
needs_systemd = pytest.mark.skipif(not _RUNS, reason="as root, apt-get install systemd")
_TARGETS = ("basic", "default", "paths", "shutdown", "slices", "sockets", "sysinit", "timers")
_START = """
set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs /run
# On cgroup v1 it would add hierarchies to the machine's own folder, and make that read-only.
if [ ! -e /sys/fs/cgroup/cgroup.procs ]; then
    mkdir /run/cgroup
    mount --rbind /sys/fs/cgroup /run/cgroup
    mount -t tmpfs tmpfs /sys/fs/cgroup
    for each in /run/cgroup/*/cgroup.procs; do
        name=$(basename "$(dirname "$each")")
        mkdir "/sys/fs/cgroup/$name"
        mount --bind "/run/cgroup/$name" "/sys/fs/cgroup/$name"
    done
    umount -R /run/cgroup
fi
mount -t tmpfs tmpfs /etc/systemd
mkdir /etc/systemd/system
cp {units}/* /etc/systemd/system/
mount -t proc proc /proc
exec env -i PATH="$PATH" container=suture SYSTEMD_UNIT_PATH=/etc/systemd/system \\
  {program} --system --unit=default.target --log-target=console
"""


class Systemd:
    """``environment`` leads ``systemctl`` to it. Its services see the machine's files, but for ``/run``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._units = folder / "units"
        self._cgroup = (_PLACE or Path()) / f"suture-test-{os.getpid()}-{folder.name}"
        self._units.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None
        for name in _TARGETS:
            text = f"[Unit]\nDescription={name}\nDefaultDependencies=no\n"
            (self._units / f"{name}.target").write_text(text)
        self.environment = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}

    def add(self, name: str, text: str) -> None:
        """A unit that is there from the start."""
        (self._units / name).write_text(text)

    async def start(self) -> None:
        self._begin()
        await eventually(self._lead, within=30)

    async def stop(self) -> None:
        """End it, and wait until all that it ran has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        await eventually(self._is_empty, within=30)

    def control(self, *words: str) -> str:
        """What ``systemctl`` says; not whether it succeeds."""
        done = subprocess.run(
            [self._folder / "bin/systemctl", *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def _begin(self) -> None:
        self._cgroup.mkdir()
        script = _START.format(units=shlex.quote(str(self._units)), program=_PROGRAM)
        # In a cgroup of its own before the namespaces are made: it takes that for the root of all.
        enter = f"echo $$ > {self._cgroup}/cgroup.procs && exec unshare --pid --mount --uts --ipc --cgroup"
        command = f"{enter} --fork --kill-child sh -c {shlex.quote(script)}"
        with open(self._folder / "log", "wb") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _lead(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if not children:
            return False
        path = self._folder / "bin/systemctl"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\nexec nsenter -t {children[0]} -m -p -C /bin/systemctl "$@"\n')
        path.chmod(0o755)
        return self.control("is-active", "default.target") == "active"

    def _is_empty(self) -> bool:
        """Whether all that it ran has ended, and its cgroups are gone."""
        folders = sorted(self._cgroup.rglob("*/"), reverse=True) if self._cgroup.exists() else []
        try:
            for folder in (*(one for one in folders if one.is_dir()), self._cgroup):
                folder.rmdir()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True
