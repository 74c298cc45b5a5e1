"""What a program itself says of its configuration, where the program is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from contextlib import suppress

from suture_sandbox.config_patch import nginx
from suture_sandbox.config_patch.lines import Impossible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = 20
_PATH = "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin"
_SPOOL = "/var/spool/cron/crontabs"
_ELSEWHERE = re.compile(r"is not executable: No such file|to trigger not loaded")
"""What systemd misses where it cannot see the whole machine."""


def check(path: str, kind: str) -> str:
    """Ask the program of the format ``kind``: what was asked, in words, or why nothing was.

    Empty where the format has no program. Raises ``Impossible`` with what the program says.
    """
    if kind not in _ASKED:
        return ""
    name, ask = _ASKED[kind]
    program = shutil.which(name, path=_PATH)
    if program is None:
        return f"not checked: {path}: {name} is not installed here"
    try:
        words, problem = ask(program, path)
    except subprocess.TimeoutExpired:
        raise Impossible(f"{path}: {name} did not answer in {_SECONDS} s") from None
    if problem:
        raise Impossible(f"{path}: {name} refuses it: {problem[-500:]}")
    return f"checked {path}: {words}"


def _said(*command: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        command, capture_output=True, timeout=_SECONDS, check=False, env={**os.environ, **environment}
    )
    return done.returncode, (done.stderr + done.stdout).decode(errors="replace").strip()


def _sshd(program: str, path: str) -> tuple[str, str]:
    code, said = _said(program, "-t", "-f", path)
    # It reads the whole file before it misses its host keys, which no script sees.
    return "sshd -t", said if code != 0 and path in said else ""


def _nginx(program: str, path: str) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        code, said = _said(program, "-t", "-c", _whole(path, folder))
    # Only then does it look for logs, ports and folders, which no script sees.
    return "nginx -t", "" if code == 0 or "syntax is ok" in said else said


def _whole(path: str, folder: str) -> str:
    """A main configuration that holds this file: itself, or one in ``folder`` that includes it."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        heads = {one.words[0] for one in nginx.parsed(file.read())}
    if heads & {"events", "http", "stream", "mail"}:
        return path
    included = f'include "{path}";'
    if "location" in heads:
        included = f"server {{ {included} }}"
    wrapper = os.path.join(folder, "nginx.conf")
    with open(wrapper, "w", encoding="utf-8") as file:
        file.write(f"events {{}}\nhttp {{ {included} }}\n")
    return wrapper


def _systemd(program: str, path: str) -> tuple[str, str]:
    folder, name = os.path.split(path)
    asked, unit = path, name
    if folder.endswith(".d"):
        folder, unit = os.path.split(folder[:-2])
        asked = unit
    # With the empty word the system's own folders follow.
    command = (program, "verify", "--man=no", "--recursive-errors=no", asked)
    _, said = _said(*command, SYSTEMD_UNIT_PATH=f"{folder}:")
    stem = unit.partition("@")[0].rpartition(".")[0] or unit.partition("@")[0]
    ours = (f"{path}:", f"{unit}:", f"{stem}@", f"Unit {unit} ", "Failed to")
    lines = [line for line in said.splitlines() if line.startswith(ours) and not _ELSEWHERE.search(line)]
    return "systemd-analyze verify", "\n".join(lines)


def _crontab(program: str, path: str) -> tuple[str, str]:
    with suppress(OSError):
        os.makedirs(_SPOOL, exist_ok=True)  # the sandbox's own: it asks for the folder before it reads
    code, said = _said(program, "-n", path)
    if "invalid option" in said:
        code, said = _said(program, "-T", path)  # as cronie calls it
    return f"{os.path.basename(program)} -n", said if code != 0 else ""


def _visudo(program: str, path: str) -> tuple[str, str]:
    code, said = _said(program, "-c", "-f", path)
    return "visudo -c", said if code != 0 else ""


_ASKED: dict[str, tuple[str, Callable[[str, str], tuple[str, str]]]] = {
    "sshd": ("sshd", _sshd),
    "nginx": ("nginx", _nginx),
    "systemd": ("systemd-analyze", _systemd),
    "crontab": ("crontab", _crontab),
    "sudoers": ("visudo", _visudo),
}
