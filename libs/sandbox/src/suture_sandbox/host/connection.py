"""OpenSSH's own client, with all off that is not needed: one pinned key, no agent, nothing forwarded."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from suture_sandbox.host.reach import HostReach
from suture_sandbox.protocol import SandboxUnavailable

_LOST = 255
"""The client's exit code where it, and not the command, failed."""
_SECONDS = 30.0
_MOST_BYTES = 8 << 20


class Unreachable(Exception):
    """No answer: what was asked may or may not have been done."""


class Failed(Exception):
    """The command ran there and failed; the argument is what it said."""


class Connection:
    """``folder`` holds the key and the pinned host key of one target, for the client alone."""

    def __init__(self, reach: HostReach, key: str, folder: Path) -> None:
        self._reach = reach
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = reach.address if reach.port == 22 else f"[{reach.address}]:{reach.port}"
        self._key = _kept(folder / "key", key.strip() + "\n")
        self._known = _kept(folder / "known_hosts", f"{name} {reach.host_key}\n")

    async def ask(self, command: str, data: bytes = b"") -> bytes:
        """Run a shell command there and give its output. Raises ``Unreachable`` or ``Failed``."""
        process = await asyncio.create_subprocess_exec(
            *self._command(), command,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"},
        )  # fmt: skip
        try:
            async with asyncio.timeout(_SECONDS):
                output, said = await process.communicate(data)
        except TimeoutError:
            raise Unreachable(f"{self._reach.address} does not answer") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        text = said.decode(errors="replace").strip()[-500:]
        if process.returncode == _LOST:
            raise Unreachable(text or f"{self._reach.address} does not answer")
        if process.returncode != 0:
            raise Failed(text or f"exit code {process.returncode}")
        return output[:_MOST_BYTES]

    def _command(self) -> list[str]:
        ssh = shutil.which("ssh")
        if ssh is None:
            raise SandboxUnavailable("ssh is not installed; install the package openssh-client")
        options = {
            "BatchMode": "yes", "StrictHostKeyChecking": "yes", "UserKnownHostsFile": str(self._known),
            "GlobalKnownHostsFile": "/dev/null", "IdentitiesOnly": "yes", "IdentityAgent": "none",
            "IdentityFile": str(self._key), "PreferredAuthentications": "publickey", "ForwardAgent": "no",
            "ForwardX11": "no", "ClearAllForwardings": "yes", "UpdateHostKeys": "no", "ConnectTimeout": "10",
            "ServerAliveInterval": "5", "ServerAliveCountMax": "3", "LogLevel": "ERROR",
        }  # fmt: skip
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        reach = self._reach
        return [ssh, "-F", "none", "-T", *words, "-p", str(reach.port), "-l", reach.user, "--", reach.address]


def _kept(path: Path, text: str) -> Path:
    if not path.exists() or path.read_text() != text:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
    return path
