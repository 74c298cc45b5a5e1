"""Whether a changed file is what its program takes: parsed here, and asked of the program if it is there."""

from __future__ import annotations

import configparser
import json
import os
import re

from suture_sandbox.config_patch import nginx, programs
from suture_sandbox.config_patch.lines import Impossible

_ENDS = {
    ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml", ".ini": "ini", ".cfg": "ini",
    ".service": "systemd", ".timer": "systemd", ".socket": "systemd", ".env": "keyvalue",
}  # fmt: skip
_NAMES = {
    "sshd_config": "sshd", "sysctl.conf": "sysctl", "nginx.conf": "nginx", "crontab": "crontab",
    "sudoers": "sudoers",
}  # fmt: skip
_FOLDERS = {
    "sshd_config.d": "sshd", "sysctl.d": "sysctl", "cron.d": "crontab", "sudoers.d": "sudoers",
    "sites-available": "nginx", "sites-enabled": "nginx",
}  # fmt: skip
_DROP_IN = re.compile(r"\.(service|socket|timer|mount|path|slice)\.d$")
_SYSCTL = re.compile(r"\s*(?:[#;].*|-?[\w./*-]+\s*=.*)?")
_CRON = re.compile(r"\s*(?:#.*|\w+\s*=.*|@\w+\s+\S.*|(?P<times>(?:\S+\s+){5})\S.*)?")
_TIMES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_TIME = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")
_WORDS = re.compile(r"(?i)jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat")


def kind_of(path: str) -> str:
    """The format that a file's name, or its folder's, tells."""
    folder, name = os.path.split(path)
    end = os.path.splitext(name)[1]
    known = _NAMES.get(name) or _FOLDERS.get(os.path.basename(folder))
    if known is None and end == ".conf" and _DROP_IN.search(folder):
        known = "systemd"
    if known is None and end == ".conf" and "/nginx/" in path:
        known = "nginx"
    return known or _ENDS.get(end, "text")


def check(path: str, kind: str) -> str:
    """What its program was asked, or why it was not; empty where there is none to ask.

    Raises ``Impossible`` with what the parser or the program says.
    """
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    try:
        _parsed(text, kind)
    except Exception as error:  # each parser has errors of its own, and none of them may pass
        raise Impossible(f"{path} would be no {kind}: {str(error)[:300]}") from None
    return programs.check(path, kind)


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
    elif kind == "nginx":
        nginx.parsed(text)
    elif kind in ("sysctl", "crontab"):
        pattern = _SYSCTL if kind == "sysctl" else _CRON
        for number, line in enumerate(text.split("\n"), 1):
            found = pattern.fullmatch(line)
            if not found or (kind == "crontab" and not _are_times((found["times"] or "").split())):
                raise Impossible(f"line {number} is no {kind}: {line[:80]!r}")


def _are_times(fields: list[str]) -> bool:
    return all(
        _is_time(part, *bounds)
        for field, bounds in zip(fields, _TIMES, strict=False)
        for part in field.split(",")
    )


def _is_time(part: str, least: int, most: int) -> bool:
    found = _TIME.fullmatch(_WORDS.sub(str(least), part))
    if not found:
        return False
    given = [int(number) for number in found.groups()[:2] if number is not None]
    return all(least <= number <= most for number in given) and found[3] != "0"
