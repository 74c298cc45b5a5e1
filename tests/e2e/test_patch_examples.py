"""The usage examples of the patch generator, on a running system and with the stand-in model's API."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from suture_local.model_server import ModelServer

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

OPENSSL = {
    "package": "openssl",
    "installed_version": "1.1.1f-1ubuntu2.19",
    "fixed_version": "1.1.1f-1ubuntu2.20",
    "distribution": "ubuntu",
    "distribution_version": "20.04",
    "severity": "critical",
    "description": "A certificate can make the library loop for ever",
    "start": "on_request",
}

GENERATING = """
import asyncio
from suture_generation import VulnerabilityAnalyzer, AIPatchGenerator, Vulnerability, validate_patch

async def generate_patch(vulnerability: Vulnerability):
    analyzer = VulnerabilityAnalyzer()
    analysis = await analyzer.analyze(vulnerability)

    print(f"Patch Type: {analysis.patch_type.value}")
    print(f"Confidence: {analysis.confidence:.2f}")

    async with AIPatchGenerator(llm_provider="openai") as generator:
        result = await generator.generate_patch(vulnerability, analysis)

    print(f"Generated patch ({result.tokens_used} tokens)")
    print(f"Confidence Score: {result.confidence_score:.2f}")

    validation = validate_patch(result.patch_content)

    if validation.is_valid:
        print("Patch is safe to deploy")
    else:
        print("Patch has issues:")
        for error in validation.errors:
            print(f"  - {error}")

    return result

vuln = get_vulnerability_from_db()
result = asyncio.run(generate_patch(vuln))
"""

QUEUEING = """
from suture_generation.tasks import generate_patch_for_vulnerability

task = generate_patch_for_vulnerability.delay(
    vulnerability_id=vulnerability_id,
    llm_provider="openai"
)

result = task.get(timeout=300)
"""

CHOOSING = """
from suture_generation import AIPatchGenerator, get_llm_client

generator = AIPatchGenerator(
    llm_provider="openai",
    llm_model="gpt-4"
)

generator = AIPatchGenerator(
    llm_provider="anthropic",
    llm_model="claude-3-sonnet-20240229"
)

client = get_llm_client("openai")
"""


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-of-nobody")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test-of-nobody")


@pytest.mark.usefixtures("keys")
def test_a_patch_is_generated_as_the_example_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    from suture_generation import Vulnerability

    names: dict[str, Any] = {
        "get_vulnerability_from_db": lambda: Vulnerability(vulnerability_id="CVE-2022-0778", **OPENSSL)
    }
    exec(GENERATING, names)  # noqa: S102
    printed = capsys.readouterr().out
    assert "Patch Type: package_update" in printed
    assert "Patch is safe to deploy" in printed
    assert "openssl" in names["result"].patch_content
    assert "1.1.1f-1ubuntu2.20" in names["result"].patch_content


@pytest.mark.usefixtures("keys")
def test_providers_are_chosen_as_the_example_is_written(model_server: ModelServer) -> None:
    names: dict[str, Any] = {}
    exec(CHOOSING, names)  # noqa: S102
    assert names["client"].name == "openai"

    async def asks() -> str:
        from suture_generation import get_llm_client

        client = get_llm_client("openai", base_url=model_server.openai_url)
        model_server.queue.append("Hello.")
        messages = [{"role": "user", "content": "Hello?"}]
        result = await client.generate_with_retry(messages, max_retries=5)  # type: ignore[arg-type]
        await client.close()
        return result.content

    assert asyncio.run(asks()) == "Hello."


def test_a_task_gives_what_the_example_shows(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from suture_generation.tasks import generate_patches_for_critical_vulnerabilities

    monkeypatch.setenv("SUTURE_API_URL", system.stack.api_url)
    monkeypatch.setenv("SUTURE_API_KEY", system.stack.tokens["operator"])
    known = str(uuid4().int % 10**9)
    reported = {**OPENSSL, "vulnerability_id": known, "affected_systems": [f"host-{known}"]}
    headers = {"Authorization": f"Bearer {system.stack.tokens['operator']}"}
    answer = httpx.post(f"{system.stack.api_url}/api/vulnerabilities", json=reported, headers=headers)
    assert answer.status_code == 202

    names: dict[str, Any] = {"vulnerability_id": int(known)}
    exec(QUEUEING, names)  # noqa: S102
    result = names["result"]
    assert result["success"] is True
    assert result["patch_id"]
    assert 0 < result["confidence_score"] <= 1
    assert result["is_valid"] is True

    batch = generate_patches_for_critical_vulnerabilities.delay()
    assert names["task"].remediation_id in {task.remediation_id for task in batch.tasks}
    whole = batch.get(timeout=120)
    assert whole["total"] == len(batch.tasks) >= 1
    assert whole["succeeded"] >= 1
