"""Which package manager a distribution uses."""

from __future__ import annotations

import re
from typing import Literal

PackageManager = Literal["apt", "dnf", "yum", "zypper"]
PACKAGE_MANAGERS: tuple[PackageManager, ...] = ("apt", "dnf", "yum", "zypper")

_APT = ("debian", "ubuntu", "linuxmint", "raspbian", "kali", "pop", "devuan")
_ZYPPER = ("suse", "opensuse", "sles", "sled")
_FEDORA = ("fedora",)
_RHEL = (
    "rhel",
    "redhat",
    "redhatenterprise",
    "centos",
    "rocky",
    "alma",
    "almalinux",
    "oracle",
    "ol",
    "scientific",
)


def package_manager_of(distribution: str | None, version: str | None = None) -> PackageManager | None:
    """The package manager, or ``None`` where the distribution is not known.

    ``distribution`` may carry the version, as in ``debian:11`` or ``CentOS Linux 7``.
    """
    if not distribution:
        return None
    name = re.sub(r"[^a-z]", "", distribution.casefold())
    major = _major(version) or _major(distribution)
    if name.startswith(_APT):
        return "apt"
    if name.startswith(_ZYPPER):
        return "zypper"
    if name.startswith(_FEDORA):
        return "yum" if major is not None and major < 22 else "dnf"
    if name.startswith(("amazon", "amzn")):
        # Amazon Linux counts 1 (or 2018.03) and 2, which use yum, then years from 2022 on.
        return "dnf" if major is not None and major >= 2022 else "yum"
    if name.startswith(_RHEL):
        return "yum" if major is not None and major < 8 else "dnf"
    return None


def _major(text: str | None) -> int | None:
    number = re.search(r"\d+", text or "")
    return int(number.group()[:6]) if number else None
