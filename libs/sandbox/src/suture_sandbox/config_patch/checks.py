"""Whether a changed file is what its program takes: parsed here, and asked of the program if it is there."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess

from suture_sandbox.config_patch.lines import Impossible

_ENDS = {
    ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml", ".ini": "ini", ".cfg": "ini",
    ".service": "systemd", ".timer": "systemd", ".socket": "systemd", ".env": "keyvalue",
}  # fmt: skip
_NAMES = {"sshd_config": "sshd", "sysctl.conf": "sysctl", "nginx.conf": "nginx", "crontab": "crontab"}
_SYSCTL = re.compile(r"\s*(?:[#;].*|-?[\w./*-]+\s*=.*)?")
_CRON = re.compile(r"\s*(?:#.*|\w+\s*=.*|@\w+\s+\S.*|(?:\S+\s+){5}\S.*)?")
_SECONDS = 20


def kind_of(path: str) -> str:
    """The format that a file's name tells."""
    name = os.path.basename(path)
    return _NAMES.get(name) or _ENDS.get(os.path.splitext(name)[1], "text")


def check(path: str, kind: str) -> None:
    """Raises ``Impossible`` with what the parser or the program says."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    try:
        _parsed(text, kind)
    except Impossible:
        raise
    except Exception as error:  # each parser has errors of its own, and none of them may pass
        raise Impossible(f"{path} would be no {kind}: {str(error)[:300]}") from None
    command = _command(path, kind)
    if command is None:
        return
    done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    said = (done.stderr or done.stdout).decode(errors="replace").strip()
    # sshd reads the whole file before it misses its host keys, which no script sees.
    if done.returncode != 0 and (kind != "sshd" or path in said):
        raise Impossible(f"{path}: {os.path.basename(command[0])} refuses it: {said[-500:]}")


def _parsed(text: str, kind: str) -> None:
    if kind == "json":
        json.loads(text)
    elif kind == "yaml":
        from ruamel.yaml import YAML

        list(YAML(typ="safe", pure=True).load_all(text))
    elif kind == "toml":
        import tomlkit

        tomlkit.parse(text)
    elif kind == "ini":
        configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True).read_string(text)
    elif kind in ("sysctl", "crontab"):
        pattern = _SYSCTL if kind == "sysctl" else _CRON
        for number, line in enumerate(text.split("\n"), 1):
            if not pattern.fullmatch(line):
                raise Impossible(f"line {number} is no {kind}: {line[:80]!r}")


def _command(path: str, kind: str) -> list[str] | None:
    """The program's own check, where the program is there."""
    if kind == "sshd" and (sshd := shutil.which("sshd", path="/usr/sbin:/usr/bin")):
        return [sshd, "-t", "-f", path]
    if kind == "nginx" and (nginx := shutil.which("nginx", path="/usr/sbin:/usr/bin")):
        return [nginx, "-t", "-q", "-c", path, "-g", "pid /tmp/nginx.pid; error_log stderr;"]
    return None
