"""What kind of patch closes a vulnerability, with which package manager, and how sure that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from suture_contracts.base import Complexity
from suture_contracts.findings import VulnerabilityReported

from suture_generation.distributions import PACKAGE_MANAGERS, PackageManager, package_manager_of

_KERNEL = re.compile(
    r"^(linux(-image|-headers|-modules|-kbuild|-libc|-signed|-generic|-virtual|$)|kernel($|-))"
)
_KERNEL_USERLAND = re.compile(r"^(linux-libc|linux-(tools|cpupower|perf)|kernel-tools|kernel-headers)")
_REBOOT = re.compile(
    r"^(glibc|libc6|libc-bin|dbus|systemd|udev|libudev|linux-firmware|microcode|intel-microcode|amd64-microcode"
    r"|microcode_ctl|ucode-intel|ucode-amd|grub|shim)"
)
_CONFIGURATION = re.compile(
    r"misconfigur|insecure default|default configuration|permitrootlogin|configuration (option|setting|file)"
    r"|hardening|weak cipher|is enabled by default",
    re.IGNORECASE,
)


class PatchType(Enum):
    PACKAGE_UPDATE = "package_update"
    CONFIG_CHANGE = "config_change"
    WORKAROUND = "workaround"
    KERNEL_PATCH = "kernel_patch"


@dataclass(frozen=True, slots=True)
class VulnerabilityAnalysis:
    """``confidence`` is 0 to 1: how much of what the patch needs the report says."""

    patch_type: PatchType
    package_manager: PackageManager | None
    confidence: float
    complexity: Complexity
    requires_reboot: bool
    reason: str

    def facts(self, vulnerability: VulnerabilityReported) -> dict[str, Any]:
        """What an event says of the vulnerability: only what is known, nothing invented."""
        told = {
            "package": vulnerability.package,
            "installed_version": vulnerability.installed_version,
            "fixed_version": vulnerability.fixed_version,
            "distribution": vulnerability.distribution,
            "distribution_version": vulnerability.distribution_version,
            "package_manager": self.package_manager,
        }
        judged = {"patch_type": self.patch_type.value, "requires_reboot": self.requires_reboot}
        return {name: value for name, value in told.items() if value is not None} | judged


class VulnerabilityAnalyzer:
    """Judges one vulnerability; pure, so that one analyzer serves any number of calls."""

    async def analyze(
        self, vulnerability: VulnerabilityReported, *, host_facts: dict[str, Any] | None = None
    ) -> VulnerabilityAnalysis:
        """As ``analyze_vulnerability``; a coroutine, so that callers need not care what it takes."""
        return analyze_vulnerability(vulnerability, host_facts)


def analyze_vulnerability(
    vulnerability: VulnerabilityReported, host_facts: dict[str, Any] | None = None
) -> VulnerabilityAnalysis:
    """``host_facts`` are those of the registered target, which knows its distribution best."""
    patch_type, reason = _patch_type(vulnerability)
    manager = _package_manager(vulnerability, host_facts or {})
    return VulnerabilityAnalysis(
        patch_type=patch_type,
        package_manager=manager,
        confidence=_confidence(vulnerability, manager),
        complexity=_complexity(patch_type, vulnerability),
        requires_reboot=_requires_reboot(patch_type, vulnerability),
        reason=reason,
    )


def _patch_type(vulnerability: VulnerabilityReported) -> tuple[PatchType, str]:
    package = (vulnerability.package or "").casefold()
    fixed = vulnerability.fixed_version
    if vulnerability.kind == "configuration":
        return PatchType.CONFIG_CHANGE, "reported as a matter of configuration"
    if fixed and (vulnerability.kind == "kernel" or _is_kernel(package)):
        return PatchType.KERNEL_PATCH, f"{package or 'the kernel'} is fixed in {fixed}"
    if fixed and package:
        return PatchType.PACKAGE_UPDATE, f"{package} is fixed in {fixed}"
    if _CONFIGURATION.search(vulnerability.description):
        return PatchType.CONFIG_CHANGE, "no fixed version is known and the description names a setting"
    return PatchType.WORKAROUND, "no fixed version is known"


def _is_kernel(package: str) -> bool:
    return bool(_KERNEL.match(package)) and not _KERNEL_USERLAND.match(package)


def _package_manager(
    vulnerability: VulnerabilityReported, host_facts: dict[str, Any]
) -> PackageManager | None:
    told = host_facts.get("package_manager")
    for manager in PACKAGE_MANAGERS:
        if told == manager:
            return manager
    distribution = vulnerability.distribution or host_facts.get("distribution")
    version = vulnerability.distribution_version or host_facts.get("distribution_version")
    return package_manager_of(str(distribution or ""), str(version or ""))


def _confidence(vulnerability: VulnerabilityReported, manager: PackageManager | None) -> float:
    parts = (
        (0.30, vulnerability.package is not None),
        (0.30, vulnerability.fixed_version is not None or vulnerability.kind == "configuration"),
        (0.20, manager is not None),
        (0.10, bool(vulnerability.description)),
        (0.05, vulnerability.installed_version is not None),
        (0.05, vulnerability.cvss is not None),
    )
    return round(sum(weight for weight, is_known in parts if is_known), 2)


def _complexity(patch_type: PatchType, vulnerability: VulnerabilityReported) -> Complexity:
    if patch_type is PatchType.KERNEL_PATCH:
        return "high"
    if patch_type is PatchType.PACKAGE_UPDATE:
        return "medium" if _REBOOT.match(vulnerability.package or "") else "low"
    return "medium"


def _requires_reboot(patch_type: PatchType, vulnerability: VulnerabilityReported) -> bool:
    return patch_type is PatchType.KERNEL_PATCH or (
        patch_type is PatchType.PACKAGE_UPDATE
        and bool(_REBOOT.match((vulnerability.package or "").casefold()))
    )
