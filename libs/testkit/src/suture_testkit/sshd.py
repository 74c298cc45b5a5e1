"""OpenSSH's server as a child process: one key may log in, as whoever runs the tests."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
from pathlib import Path

from suture_testkit.postgres import free_port

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
"""


class Sshd:
    """``key`` is the private key's text, ``host_key`` the line that pins the server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.user = getpass.getuser()
        self.key = self.host_key = ""

    def start(self) -> None:
        """Raises ``RuntimeError`` where OpenSSH is not installed or does not come up in 20 s."""
        program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
        if program is None:
            raise RuntimeError("sshd is not installed; install the package openssh-server")
        if not self.host_key:
            self._make_keys()
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with (self._folder / "sshd.log").open("ab") as log:
            command = [program, "-D", "-e", "-f", str(self._folder / "sshd_config")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._await()

    def stop(self) -> None:
        """End it with all of its connections."""
        if self._process is None:
            return
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self._process.terminate()
        self._process.wait(10)
        for child in children:
            subprocess.run(["kill", child], check=False, capture_output=True)
        self._process = None

    def _make_keys(self) -> None:
        for name in ("host_key", "user_key"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._folder / name)]
            subprocess.run(command, check=True)
        public = (self._folder / "user_key.pub").read_text()
        (self._folder / "authorized_keys").write_text(public)
        (self._folder / "sshd_config").write_text(_CONFIG.format(port=self.port, folder=self._folder))
        self.key = (self._folder / "user_key").read_text()
        self.host_key = " ".join((self._folder / "host_key.pub").read_text().split()[:2])

    def _await(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            done = subprocess.run(
                ["ssh-keyscan", "-T", "2", "-p", str(self.port), "127.0.0.1"],
                capture_output=True,
                check=False,
            )
            if done.stdout:
                return
            time.sleep(0.1)
        raise RuntimeError(f"sshd did not come up: {(self._folder / 'sshd.log').read_text()[-500:]}")
