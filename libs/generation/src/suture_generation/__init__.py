"""From a finding or a vulnerability to a script: analysis, templates, model providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from suture_contracts.findings import VulnerabilityReported as Vulnerability
from suture_contracts.target import Target

from suture_generation.patches import AIPatchGenerator, PatchResult
from suture_generation.providers import get_llm_client
from suture_generation.vulnerabilities import PatchType, VulnerabilityAnalysis, VulnerabilityAnalyzer

if TYPE_CHECKING:
    from suture_safety import validate_patch

__all__ = [
    "AIPatchGenerator",
    "PatchResult",
    "PatchType",
    "Target",
    "Vulnerability",
    "VulnerabilityAnalysis",
    "VulnerabilityAnalyzer",
    "get_llm_client",
    "validate_patch",
]


def __getattr__(name: str) -> Any:
    # The safety analysis is large: who only generates does not load it.
    if name == "validate_patch":
        from suture_safety import validate_patch

        return validate_patch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
