"""A PostgreSQL server as a child process: Debian's own, on a port of its own, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

_PASSWORD = "only-for-tests"


class Postgres:
    """``dsn`` is its administrator's address. Started and stopped by ``start`` and ``stop``.

    ``replica_of`` makes it a standby that replays what the other one, which runs, does.
    """

    def __init__(self, replica_of: Postgres | None = None) -> None:
        self._primary = replica_of
        self._folder = Path(tempfile.mkdtemp(prefix="suture-postgres-", dir="/var/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def dsn(self) -> str:
        return f"postgresql://tester:{_PASSWORD}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Raises ``RuntimeError`` where PostgreSQL is not installed or does not come up in 60 s."""
        data = self._folder / "data"
        user = _user()
        os.chown(self._folder, user.pw_uid, user.pw_gid)
        self._make(data, user)
        options = {
            "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
            "fsync": "off", "max_connections": 40, "shared_buffers": "16MB",
        }  # fmt: skip
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*_as(user), _program("postgres"), "-D", str(data), *arguments], stdout=log, stderr=log
            )
        self._await()

    def _make(self, data: Path, user: pwd.struct_passwd) -> None:
        if self._primary is not None:
            self._run(
                "pg_basebackup", "-D", str(data), "-d", self._primary.dsn, "-R", "-X", "stream", "-c", "fast"
            )
            return
        password = self._folder / "password"
        password.write_text(_PASSWORD)
        os.chown(password, user.pw_uid, user.pw_gid)
        self._run(
            "initdb", "-D", str(data), "-U", "tester", "-A", "scram-sha-256", f"--pwfile={password}",
            "--no-sync", "-E", "UTF8",
        )  # fmt: skip

    def stop(self) -> None:
        """End it at once, and forget what it held."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*_as(_user()), _program(program), *arguments]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False, cwd="/")
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr.decode(errors='replace')[-500:]}")

    def _await(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            done = subprocess.run(
                [_program("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-q"],
                check=False,
                timeout=20,
            )
            if done.returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError(f"PostgreSQL did not come up; see {self._folder}/log")


def _user() -> pwd.struct_passwd:
    """Who runs it: not root, which PostgreSQL refuses."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())


def _as(user: pwd.struct_passwd) -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups", "--"]


def _program(name: str) -> str:
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    path = str(found[-1]) if found else shutil.which(name)
    if path is None:
        raise RuntimeError(f"{name} is not installed; install the package postgresql")
    return path


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
