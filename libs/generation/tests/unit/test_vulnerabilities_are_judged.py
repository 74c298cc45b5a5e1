"""Patch type, package manager, confidence, complexity and reboot, as far as a report says them."""

from __future__ import annotations

from typing import Any

import pytest
from suture_contracts.findings import VulnerabilityReported
from suture_generation import AIPatchGenerator, PatchType, VulnerabilityAnalyzer
from suture_generation.distributions import package_manager_of
from suture_generation.errors import GenerationError


def report(**changes: Any) -> VulnerabilityReported:
    fields = {
        "vulnerability_id": "CVE-2022-0778",
        "package": "openssl",
        "installed_version": "1.1.1k-1+deb11u1",
        "fixed_version": "1.1.1k-1+deb11u2",
        "distribution": "debian",
        "distribution_version": "11",
        "severity": "high",
        "description": "Infinite loop in BN_mod_sqrt()",
        **changes,
    }
    return VulnerabilityReported.model_validate(fields)


@pytest.mark.parametrize(
    ("distribution", "version", "manager"),
    [
        ("debian", "11", "apt"),
        ("Ubuntu", "22.04", "apt"),
        ("debian:11", None, "apt"),
        ("rhel", "7", "yum"),
        ("centos", "7.9", "yum"),
        ("CentOS Linux 7", None, "yum"),
        ("rhel", "8.6", "dnf"),
        ("rocky", "9", "dnf"),
        ("almalinux", "8", "dnf"),
        ("oracle", "8", "dnf"),
        ("ol", "7", "yum"),
        ("el9", None, "dnf"),
        ("el7", None, "yum"),
        ("fc39", None, "dnf"),
        ("amzn2", None, "yum"),
        ("al2023", None, "dnf"),
        ("bookworm", None, "apt"),
        ("jammy", None, "apt"),
        ("Leap 15.6", None, "zypper"),
        ("sle-micro", "5.5", "zypper"),
        ("cpe:/o:redhat:enterprise_linux:8::baseos", None, "dnf"),
        ("cpe:2.3:o:centos:centos:7:*:*:*:*:*:*:*", None, "yum"),
        ("fedora", "39", "dnf"),
        ("amazon", "2", "yum"),
        ("amazon", "2018.03", "yum"),
        ("amzn", "2023", "dnf"),
        ("amazon", "2022", "dnf"),
        ("sles", "15.4", "zypper"),
        ("opensuse-leap", "15", "zypper"),
        ("SUSE Linux Enterprise Server 12", None, "zypper"),
        ("windows", "11", None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_distribution_has_its_package_manager(
    distribution: str | None, version: str | None, manager: str | None
) -> None:
    assert package_manager_of(distribution, version) == manager


async def test_a_fixed_package_is_a_package_update_with_high_confidence() -> None:
    analysis = await VulnerabilityAnalyzer().analyze(report())
    assert analysis.patch_type is PatchType.PACKAGE_UPDATE
    assert analysis.patch_type.value == "package_update"
    assert analysis.package_manager == "apt"
    assert analysis.confidence >= 0.9
    assert analysis.complexity == "low"
    assert analysis.requires_reboot is False


@pytest.mark.parametrize(
    ("changes", "patch_type", "complexity", "reboot"),
    [
        ({"package": "linux-image-amd64"}, PatchType.KERNEL_PATCH, "high", True),
        ({"package": "kernel", "distribution": "rhel"}, PatchType.KERNEL_PATCH, "high", True),
        ({"package": "linux-libc-dev"}, PatchType.PACKAGE_UPDATE, "low", False),
        ({"package": "libc6"}, PatchType.PACKAGE_UPDATE, "medium", True),
        ({"package": "glibc"}, PatchType.PACKAGE_UPDATE, "medium", True),
        ({"package": "dbus"}, PatchType.PACKAGE_UPDATE, "medium", True),
        ({"package": "linuxptp"}, PatchType.PACKAGE_UPDATE, "low", False),
        ({"kind": "configuration"}, PatchType.CONFIG_CHANGE, "medium", False),
        ({"fixed_version": None}, PatchType.WORKAROUND, "medium", False),
        (
            {"fixed_version": None, "description": "PermitRootLogin is enabled by default"},
            PatchType.CONFIG_CHANGE,
            "medium",
            False,
        ),
    ],
)
async def test_the_patch_type_follows_from_what_is_known(
    changes: dict[str, Any], patch_type: PatchType, complexity: str, reboot: bool
) -> None:
    analysis = await VulnerabilityAnalyzer().analyze(report(**changes))
    assert (analysis.patch_type, analysis.complexity, analysis.requires_reboot) == (
        patch_type,
        complexity,
        reboot,
    )


async def test_less_data_is_less_confidence() -> None:
    full = await VulnerabilityAnalyzer().analyze(report())
    bare = await VulnerabilityAnalyzer().analyze(VulnerabilityReported(vulnerability_id="CVE-1"))
    assert bare.confidence < 0.2 < full.confidence


async def test_no_fixed_version_is_no_version_in_the_facts() -> None:
    vulnerability = report(fixed_version=None)
    facts = (await VulnerabilityAnalyzer().analyze(vulnerability)).facts(vulnerability)
    assert "fixed_version" not in facts


async def test_a_patch_is_made_from_a_template_without_any_model() -> None:
    analysis = await VulnerabilityAnalyzer().analyze(report())
    async with AIPatchGenerator(llm_provider="none") as generator:
        result = await generator.generate_patch(report(), analysis)
    assert "fixed=1.1.1k-1+deb11u2" in result.patch_content
    assert (
        'apt-get install -y -q --only-upgrade --no-install-recommends "$package=$fixed"'
        in result.patch_content
    )
    assert "--allow-downgrades" in result.rollback_script
    assert result.tokens_used == 0
    assert 0.8 < result.confidence_score <= 1


async def test_a_patch_that_nothing_makes_is_a_named_error() -> None:
    vulnerability = report(fixed_version=None)
    analysis = await VulnerabilityAnalyzer().analyze(vulnerability)
    async with AIPatchGenerator() as generator:
        with pytest.raises(GenerationError, match="unit"):
            await generator.generate_patch(vulnerability, analysis)
