"""From a finding or a vulnerability to a script: analysis, templates, model providers."""

from suture_generation.patches import AIPatchGenerator, PatchResult
from suture_generation.providers import get_llm_client
from suture_generation.vulnerabilities import PatchType, VulnerabilityAnalysis, VulnerabilityAnalyzer

__all__ = [
    "AIPatchGenerator",
    "PatchResult",
    "PatchType",
    "VulnerabilityAnalysis",
    "VulnerabilityAnalyzer",
    "get_llm_client",
]
