"""Package updates, configuration changes, workarounds, kernels, for every package manager, by templates."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from suture_generation import AIPatchGenerator, PatchType, Target, Vulnerability, VulnerabilityAnalyzer
from suture_generation.errors import GenerationError
from suture_safety import analyse_document

SSH = {"kind": "configuration", "description": "PermitRootLogin yes is set in /etc/ssh/sshd_config"}
UNFIXED = {"package": "cups", "installed_version": "2.3-1", "description": "no fixed version is known yet"}
SYSTEMS = [
    ("debian", "11", "apt", "linux-image-amd64"),
    ("ubuntu", "20.04", "apt", "linux-image-generic"),
    ("rhel", "7", "yum", "kernel"),
    ("centos", "8", "dnf", "kernel"),
    ("fedora", "39", "dnf", "kernel"),
    ("sles", "15.4", "zypper", "kernel-default"),
]


async def patch(facts: dict[str, Any] | None = None, **report: Any) -> tuple[Any, Any]:
    """The analysis and the patch of a report; ``facts`` are those of the host."""
    vulnerability = Vulnerability.model_validate({"vulnerability_id": "CVE-2026-1", **report})
    host = None if facts is None else Target(id="web-1", kind="host", owner="platform", facts=facts)
    analysis = await VulnerabilityAnalyzer().analyze(vulnerability, host_facts=facts)
    async with AIPatchGenerator() as generator:
        return analysis, await generator.generate_patch(vulnerability, analysis, host)


def is_ready_for_production(result: Any) -> bool:
    """Valid, with shebang, error handling, backup, logging, validation, and a way back."""
    report = analyse_document(result.document)
    assert report.is_valid, report.errors
    assert all(asdict(report.quality).values()), report.quality
    assert "set -euo pipefail" in result.patch_content
    return bool(result.rollback_script and result.verification_script)


@pytest.mark.parametrize(("distribution", "version", "manager", "kernel"), SYSTEMS)
async def test_a_package_is_updated_to_the_very_version(
    distribution: str, version: str, manager: str, kernel: str
) -> None:
    known = {"distribution": distribution, "distribution_version": version}
    versions = {"installed_version": "1.0-1", "fixed_version": "1.0-2"}
    analysis, result = await patch(package="openssl", **versions, **known)
    assert (analysis.patch_type, analysis.package_manager) == (PatchType.PACKAGE_UPDATE, manager)
    assert "fixed=1.0-2" in result.patch_content
    assert is_ready_for_production(result)

    analysis, result = await patch(package=kernel, **versions, **known)
    assert (analysis.patch_type, analysis.requires_reboot) == (PatchType.KERNEL_PATCH, True)
    assert "fixed=1.0-2" in result.patch_content
    assert is_ready_for_production(result)


async def test_a_setting_is_changed_in_its_file() -> None:
    analysis, result = await patch(**SSH)
    assert analysis.patch_type is PatchType.CONFIG_CHANGE
    assert "sshd -t" in result.patch_content
    assert is_ready_for_production(result)


async def test_a_workaround_stops_the_unit_that_the_host_names() -> None:
    analysis, result = await patch({"vulnerable_service": "cups.service"}, **UNFIXED)
    assert analysis.patch_type is PatchType.WORKAROUND
    assert "unit=cups.service" in result.patch_content
    assert result.document.targets == ("web-1",)
    assert is_ready_for_production(result)


async def test_without_the_unit_a_workaround_says_which_fact_would_name_it() -> None:
    with pytest.raises(GenerationError, match="vulnerable_service") as caught:
        await patch(**UNFIXED)
    assert caught.value.field == "unit"
