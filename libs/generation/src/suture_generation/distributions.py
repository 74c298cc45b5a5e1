"""Which package manager a distribution uses."""

from __future__ import annotations

import re
from typing import Literal

PackageManager = Literal["apt", "dnf", "yum", "zypper"]
PACKAGE_MANAGERS: tuple[PackageManager, ...] = ("apt", "dnf", "yum", "zypper")

_APT = (
    "debian",
    "ubuntu",
    "linuxmint",
    "raspbian",
    "raspberrypios",
    "kali",
    "pop",
    "devuan",
    "parrot",
    "zorin",
    "deepin",
)
# Scanners give a release of these by its code name alone.
_APT_RELEASES = frozenset(
    (
        *("stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "sid"),
        *("wheezy", "jessie", "trusty", "xenial", "bionic", "focal", "jammy", "noble"),
        *("lunar", "mantic", "oracular", "plucky", "questing"),
    )
)
_ZYPPER = ("suse", "opensuse", "sle", "leap", "tumbleweed")
_FEDORA = ("fedora", "nobara")
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
    "cloudlinux",
    "eurolinux",
    "enterpriselinux",
    "openeuler",
    "euleros",
    "anolis",
    "springdale",
    "miraclelinux",
)
# What stands before the release's number in an RPM's own version, as in 3.0.7-27.el9.
_RPM_TAGS = {"el": _RHEL[0], "fc": _FEDORA[0], "amzn": "amzn", "al": "amzn"}
_CPE = re.compile(r"cpe:(?:2\.3:|/)o:([^:]+):([^:]+)(?::([^:]+))?.*", re.IGNORECASE)


def package_manager_of(distribution: str | None, version: str | None = None) -> PackageManager | None:
    """The package manager, or ``None`` where the distribution is not known.

    ``distribution`` may carry the version, as in ``debian:11`` or ``CentOS Linux 7``.
    """
    if not distribution:
        return None
    if cpe := _CPE.fullmatch(distribution):
        return package_manager_of(f"{cpe[1]} {cpe[2]}", version or cpe[3])
    name = re.sub(r"[^a-z]", "", distribution.casefold())
    name = _RPM_TAGS.get(name, name)
    major = _major(version) or _major(distribution)
    if name.startswith(_APT) or name in _APT_RELEASES:
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
